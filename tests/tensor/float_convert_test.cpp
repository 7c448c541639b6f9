// SPDX-License-Identifier: Apache-2.0
#include "tensor/float_convert.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "core/random.h"

namespace deepseek {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

template <class Bits, class ToF32, class FromF32>
void expect_round_trip(ToF32 to_f32, FromF32 from_f32, int patterns) {
  for (int i = 0; i < patterns; ++i) {
    const float value = to_f32(Bits(i));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(to_f32(from_f32(value)))) << i;
    } else {
      EXPECT_EQ(from_f32(value), Bits(i)) << i;
    }
  }
}

TEST(FloatConvert, EveryBitPatternSurvivesTheRoundTrip) {
  expect_round_trip<uint16_t>(bf16_to_f32, f32_to_bf16, 1 << 16);
  expect_round_trip<uint16_t>(f16_to_f32, f32_to_f16, 1 << 16);
  expect_round_trip<uint8_t>(e4m3_to_f32, f32_to_e4m3, 1 << 8);
  expect_round_trip<uint8_t>(e5m2_to_f32, f32_to_e5m2, 1 << 8);
  expect_round_trip<uint8_t>(e8m0_to_f32, f32_to_e8m0, 1 << 8);
}

/// Between every two neighbours: the midpoint goes to the even one, a hair to either side to the
/// nearer one.
template <class Bits, class ToF32, class FromF32>
void expect_nearest_even(ToF32 to_f32, FromF32 from_f32, Bits largest) {
  for (Bits i = 0; i < largest; ++i) {
    const double low = to_f32(i), high = to_f32(Bits(i + 1));
    const float middle = float((low + high) / 2);
    ASSERT_EQ(double(middle), (low + high) / 2);
    const Bits even = i % 2 == 0 ? i : Bits(i + 1);
    EXPECT_EQ(from_f32(middle), even) << int(i);
    EXPECT_EQ(from_f32(std::nextafter(middle, 0.0f)), i) << int(i);
    EXPECT_EQ(from_f32(std::nextafter(middle, infinity)), Bits(i + 1)) << int(i);
    EXPECT_EQ(from_f32(-middle), Bits(even | Bits(1) << (sizeof(Bits) * 8 - 1))) << int(i);
  }
}

TEST(FloatConvert, RoundsToNearestTiesToEven) {
  expect_nearest_even<uint16_t>(bf16_to_f32, f32_to_bf16, 0x7F7F);
  expect_nearest_even<uint16_t>(f16_to_f32, f32_to_f16, 0x7BFF);
  expect_nearest_even<uint8_t>(e4m3_to_f32, f32_to_e4m3, 0x7E);
  expect_nearest_even<uint8_t>(e5m2_to_f32, f32_to_e5m2, 0x7B);
}

TEST(FloatConvert, KeepsInfinityWhereThereIsOneAndSaturatesWhereNot) {
  EXPECT_EQ(f32_to_bf16(infinity), 0x7F80);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(f32_to_f16(infinity), 0x7C00);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7C00);
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7BFF);
  EXPECT_EQ(f32_to_e4m3(infinity), 0x7E);
  EXPECT_EQ(f32_to_e4m3(-1e9f), 0xFE);
  EXPECT_EQ(f32_to_e4m3(464.0f), 0x7E);
  EXPECT_EQ(f32_to_e5m2(infinity), 0x7C);
  EXPECT_EQ(f32_to_e5m2(1e9f), 0x7B);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7F800001u)))));
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(std::bit_cast<float>(0x7F800001u)))));
}

TEST(FloatConvert, E8m0RoundsTheExponentUp) {
  EXPECT_EQ(f32_to_e8m0(1.0f), 127);
  EXPECT_EQ(f32_to_e8m0(1.0001f), 128);
  EXPECT_EQ(f32_to_e8m0(2.0f), 128);
  EXPECT_EQ(f32_to_e8m0(0.0f), 0);
  EXPECT_EQ(f32_to_e8m0(nan), 0xFF);
  EXPECT_EQ(f32_to_e8m0(-1.0f), 0xFF);
}

TEST(FloatConvert, SubnormalF32ValuesRoundToZeroOrTheSmallest) {
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
  EXPECT_EQ(f32_to_f16(std::nextafter(0x1p-25f, 1.0f)), 1);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x00008001u)), 1);
}

}  // namespace
}  // namespace deepseek
