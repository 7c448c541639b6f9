// SPDX-License-Identifier: Apache-2.0
// The K formats: super-blocks of 256, with scales that are quantised themselves.
#include "kernels/scalar/dequantize_blocks.h"

namespace deepseek::kernels::scalar {
namespace {

/// Scale and minimum of group j of 8 in the 12 bytes of Q4_K and Q5_K: 6 bits each, the first four
/// groups whole, the others with their upper two bits in the top of the first four's bytes.
struct ScaleMin {
  int scale, min;
};

ScaleMin scale_min(const uint8_t* s, int j) {
  if (j < 4) return {s[j] & 0x3F, s[j + 4] & 0x3F};
  return {(s[j + 4] & 0xF) | (s[j - 4] >> 6 << 4), (s[j + 4] >> 4) | (s[j] >> 6 << 4)};
}

/// Scale of group j of 16 in the 12 bytes of Q3_K: low four bits in eight bytes, high two in four.
int q3_scale(const uint8_t* s, int j) {
  const int low = s[j % 8] >> (j / 8 * 4) & 0xF;
  const int high = s[8 + j % 4] >> (j / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

}  // namespace

void dequantize_q2_k(const uint8_t* b, float* y) noexcept {
  const uint8_t *scales = b, *q = b + 16;
  const float d = load_f16(b + 80), d_min = load_f16(b + 82);
  for (int i = 0; i < 256; ++i) {
    const int group = i / 16, half = i / 128, shift = i % 128 / 32 * 2;
    const float scale = d * float(scales[group] & 0xF), min = d_min * float(scales[group] >> 4);
    y[i] = scale * float(q[half * 32 + i % 32] >> shift & 3) - min;
  }
}

void dequantize_q3_k(const uint8_t* b, float* y) noexcept {
  const uint8_t *high = b, *q = b + 32, *scales = b + 96;
  const float d = load_f16(b + 108);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, shift = i % 128 / 32 * 2;
    const int low = q[half * 32 + i % 32] >> shift & 3;
    const int offset = (high[i % 32] >> (i / 32) & 1) ? 0 : 4;
    y[i] = d * float(q3_scale(scales, i / 16)) * float(low - offset);
  }
}

void dequantize_q4_k(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b), d_min = load_f16(b + 2);
  for (int group = 0; group < 8; ++group) {
    const ScaleMin s = scale_min(b + 4, group);
    const float scale = d * float(s.scale), min = d_min * float(s.min);
    const uint8_t* q = b + 16 + group / 2 * 32;
    for (int i = 0; i < 32; ++i)
      y[group * 32 + i] = scale * float(q[i] >> (group % 2 * 4) & 0xF) - min;
  }
}

void dequantize_q5_k(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b), d_min = load_f16(b + 2);
  const uint8_t* high = b + 16;
  for (int group = 0; group < 8; ++group) {
    const ScaleMin s = scale_min(b + 4, group);
    const float scale = d * float(s.scale), min = d_min * float(s.min);
    const uint8_t* q = b + 48 + group / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      const int value = (q[i] >> (group % 2 * 4) & 0xF) | (high[i] >> group & 1) << 4;
      y[group * 32 + i] = scale * float(value) - min;
    }
  }
}

void dequantize_q6_k(const uint8_t* b, float* y) noexcept {
  const uint8_t *low = b, *high = b + 128, *scales = b + 192;
  const float d = load_f16(b + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, at = i % 128;
    const int q = (low[half * 64 + at % 64] >> (at / 64 * 4) & 0xF) |
                  (high[half * 32 + at % 32] >> (at / 32 * 2) & 3) << 4;
    y[i] = d * float(static_cast<int8_t>(scales[i / 16])) * float(q - 32);
  }
}

}  // namespace deepseek::kernels::scalar
