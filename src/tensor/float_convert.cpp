// SPDX-License-Identifier: Apache-2.0
#include "tensor/float_convert.h"

#include <bit>
#include <cmath>
#include <limits>

namespace deepseek {
namespace {

/// A binary float type narrower than f32, by its exponent and mantissa width.
struct SmallFloat {
  int exponent_bits, mantissa_bits;
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
};

constexpr SmallFloat half{5, 10}, quarter_e4m3{4, 3}, quarter_e5m2{5, 2};

/// The bits moved to where f32 has its exponent and mantissa read as a value too small by exactly
/// 2^(127 - bias), whether normal or subnormal.
float finite_to_f32(SmallFloat type, uint32_t magnitude, bool negative) {
  const float moved = std::bit_cast<float>(magnitude << (23 - type.mantissa_bits));
  const float value = moved * std::bit_cast<float>(uint32_t(254 - type.bias()) << 23);
  return negative ? -value : value;
}

/// Magnitude bits of |value| rounded to nearest even as if the exponent had no upper end.
uint32_t round_magnitude(SmallFloat type, float magnitude) {
  const uint32_t bits = std::bit_cast<uint32_t>(magnitude);
  const int exponent = int(bits >> 23) - 127;
  const int lowest = 1 - type.bias();
  const int dropped = 23 - type.mantissa_bits + (exponent < lowest ? lowest - exponent : 0);
  if (dropped > 24) return 0;
  const uint32_t significand = (bits & 0x7FFFFF) | (bits >> 23 != 0 ? 0x800000 : 0);
  const uint32_t kept = significand >> dropped;
  const uint32_t rest = significand & ((1u << dropped) - 1), tie = 1u << (dropped - 1);
  const uint32_t rounded = kept + (rest > tie || (rest == tie && (kept & 1)) ? 1 : 0);
  if (exponent < lowest) return rounded;
  return (uint32_t(exponent - lowest) << type.mantissa_bits) + rounded;
}

}  // namespace

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float f16_to_f32(uint16_t bits) {
  const bool negative = (bits & 0x8000) != 0;
  const uint32_t magnitude = bits & 0x7FFF;
  if (magnitude >= 0x7C00)
    return std::bit_cast<float>((negative ? 0x80000000u : 0u) | 0x7F800000u |
                                (magnitude & 0x3FF) << 13);
  return finite_to_f32(half, magnitude, negative);
}

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  if (std::isnan(value)) return uint16_t(sign | 0x7E00 | (bits >> 13 & 0x3FF));
  if (std::isinf(value)) return uint16_t(sign | 0x7C00);
  const uint32_t magnitude = round_magnitude(half, std::fabs(value));
  return uint16_t(sign | (magnitude > 0x7C00 ? 0x7C00 : magnitude));
}

float e4m3_to_f32(uint8_t bits) {
  const bool negative = (bits & 0x80) != 0;
  const uint32_t magnitude = bits & 0x7F;
  if (magnitude == 0x7F) return std::bit_cast<float>((negative ? 0x80000000u : 0u) | 0x7FC00000u);
  return finite_to_f32(quarter_e4m3, magnitude, negative);
}

uint8_t f32_to_e4m3(float value) {
  const uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value)) return uint8_t(sign | 0x7F);
  if (std::isinf(value)) return uint8_t(sign | 0x7E);
  const uint32_t magnitude = round_magnitude(quarter_e4m3, std::fabs(value));
  return uint8_t(sign | (magnitude > 0x7E ? 0x7E : magnitude));
}

float e5m2_to_f32(uint8_t bits) { return f16_to_f32(uint16_t(bits << 8)); }

uint8_t f32_to_e5m2(float value) {
  const uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value)) return uint8_t(sign | 0x7E);
  if (std::isinf(value)) return uint8_t(sign | 0x7C);
  const uint32_t magnitude = round_magnitude(quarter_e5m2, std::fabs(value));
  return uint8_t(sign | (magnitude > 0x7B ? 0x7B : magnitude));
}

float e8m0_to_f32(uint8_t bits) {
  if (bits == 0xFF) return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0f, int(bits) - 127);
}

uint8_t f32_to_e8m0(float value) {
  if (std::isnan(value) || std::signbit(value)) return 0xFF;
  if (std::isinf(value)) return 0xFE;
  if (value == 0) return 0;
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);  // in [0.5, 1)
  const int power = (fraction == 0.5f ? exponent - 1 : exponent) + 127;
  return uint8_t(power < 0 ? 0 : power > 0xFE ? 0xFE : power);
}

}  // namespace deepseek
