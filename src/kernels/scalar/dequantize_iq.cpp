// SPDX-License-Identifier: Apache-2.0
// The IQ formats: groups of values from a code book, or nibbles from an uneven scale.
#include <bit>

#include "kernels/scalar/dequantize_blocks.h"
#include "kernels/scalar/iq_tables.h"

namespace deepseek::kernels::scalar {
namespace {

constexpr float iq2_levels[4] = {8, 25, 43, 0};
constexpr float iq3_xxs_levels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr float iq3_s_levels[8] = {1, 3, 5, 7, 9, 11, 13, 15};
constexpr int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
constexpr float iq1_delta = 0.125f;

/// Seven stored signs and an eighth that makes their number even.
int even_signs(uint32_t seven) {
  return static_cast<int>(seven | (std::popcount(seven) & 1u) << 7);
}

float sign(int signs, int i) { return signs >> i & 1 ? -1.0f : 1.0f; }

/// Eight values of an iq2 entry.
void iq2_group(float scale, uint16_t entry, int signs, float* y) {
  for (int i = 0; i < 8; ++i) y[i] = scale * iq2_levels[entry >> (2 * i) & 3] * sign(signs, i);
}

/// Four values of an iq3 entry, with the signs from bit `first_sign` on.
void iq3_group(float scale, const float* levels, uint16_t entry, int signs, int first_sign,
               float* y) {
  for (int i = 0; i < 4; ++i)
    y[i] = scale * levels[entry >> (3 * i) & 7] * sign(signs, first_sign + i);
}

/// Eight values of an iq1 entry: -1, 0, 1, all shifted one way.
void iq1_group(float scale, uint16_t entry, float delta, float* y) {
  for (int i = 0; i < 8; ++i) y[i] = scale * (float((entry >> (2 * i) & 3) - 1) + delta);
}

}  // namespace

void dequantize_iq2_xxs(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* q = b + 2 + group * 8;
    const uint32_t packed = load_u32(q + 4);  // four times seven signs, then the scale
    const float scale = d * (0.5f + float(packed >> 28)) * 0.25f;
    for (int i = 0; i < 4; ++i)
      iq2_group(scale, iq2_xxs_grid[q[i]], even_signs(packed >> (7 * i) & 0x7F),
                y + group * 32 + i * 8);
  }
}

void dequantize_iq2_xs(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  for (int i = 0; i < 32; ++i) {
    const uint16_t q = load_u16(b + 2 + 2 * i);
    const float scale = d * (0.5f + float(nibble(b + 66, i / 2))) * 0.25f;
    iq2_group(scale, iq2_xs_grid[q & 511], even_signs(q >> 9), y + i * 8);
  }
}

void dequantize_iq2_s(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  const uint8_t *q = b + 2, *signs = b + 34, *high = b + 66, *scales = b + 74;
  for (int i = 0; i < 32; ++i) {
    const int index = q[i] | (high[i / 4] >> (i % 4 * 2) & 3) << 8;
    const float scale = d * (0.5f + float(nibble(scales, i / 2))) * 0.25f;
    iq2_group(scale, iq2_s_grid[index], signs[i], y + i * 8);
  }
}

void dequantize_iq3_xxs(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* q = b + 2 + group * 8;
    const uint32_t packed = load_u32(b + 66 + group * 4);
    const float scale = d * (0.5f + float(packed >> 28)) * 0.5f;
    for (int i = 0; i < 8; ++i)
      iq3_group(scale, iq3_xxs_levels, iq3_xxs_grid[q[i]],
                even_signs(packed >> (7 * (i / 2)) & 0x7F), i % 2 * 4, y + group * 32 + i * 4);
  }
}

void dequantize_iq3_s(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  const uint8_t *q = b + 2, *high = b + 66, *signs = b + 74, *scales = b + 106;
  for (int i = 0; i < 64; ++i) {
    const int index = q[i] | (high[i / 8] >> (i % 8) & 1) << 8;
    const float scale = d * float(1 + 2 * nibble(scales, i / 8));
    iq3_group(scale, iq3_s_levels, iq3_s_grid[index], signs[i / 2], i % 2 * 4, y + i * 4);
  }
}

void dequantize_iq1_s(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  const uint8_t* q = b + 2;
  for (int i = 0; i < 32; ++i) {
    const uint16_t high = load_u16(b + 34 + i / 4 * 2);
    const float scale = d * float(2 * (high >> 12 & 7) + 1);
    const int index = q[i] | (high >> (i % 4 * 3) & 7) << 8;
    iq1_group(scale, iq1_grid[index], high & 0x8000 ? -iq1_delta : iq1_delta, y + i * 8);
  }
}

void dequantize_iq1_m(const uint8_t* b, float* y) noexcept {
  const uint8_t *q = b, *high = b + 32, *scales = b + 48;
  uint16_t d_bits = 0;  // four bits at the top of each word of scales
  for (int i = 0; i < 4; ++i)
    d_bits = static_cast<uint16_t>(d_bits | (load_u16(scales + 2 * i) >> 12 << (4 * i)));
  const float d = f16_to_f32(d_bits);
  for (int i = 0; i < 32; ++i) {
    const int packed = nibble(high, i), group = i / 2;
    const float scale =
        d * float(2 * (load_u16(scales + group / 4 * 2) >> (group % 4 * 3) & 7) + 1);
    iq1_group(scale, iq1_grid[q[i] | (packed & 7) << 8], packed & 8 ? -iq1_delta : iq1_delta,
              y + i * 8);
  }
}

void dequantize_iq4_nl(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  const uint8_t* q = b + 2;
  for (int i = 0; i < 16; ++i) {
    y[i] = d * float(iq4_levels[q[i] & 0xF]);
    y[i + 16] = d * float(iq4_levels[q[i] >> 4]);
  }
}

void dequantize_iq4_xs(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  const uint16_t high = load_u16(b + 2);
  for (int group = 0; group < 8; ++group) {
    const int scale_bits = nibble(b + 4, group) | (high >> (2 * group) & 3) << 4;
    const float scale = d * float(scale_bits - 32);
    const uint8_t* q = b + 8 + group * 16;
    for (int i = 0; i < 16; ++i) {
      y[group * 32 + i] = scale * float(iq4_levels[q[i] & 0xF]);
      y[group * 32 + i + 16] = scale * float(iq4_levels[q[i] >> 4]);
    }
  }
}

}  // namespace deepseek::kernels::scalar
