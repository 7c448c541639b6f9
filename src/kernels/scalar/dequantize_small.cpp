// SPDX-License-Identifier: Apache-2.0
// Ternary formats (TQ1_0, TQ2_0) and 4-bit floats (MXFP4, NVFP4).
#include <bit>
#include <cmath>

#include "kernels/scalar/dequantize_blocks.h"

namespace deepseek::kernels::scalar {
namespace {

/// Twice the value of an e2m1 float; scales are halved to make up for it.
constexpr float e2m1_doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// 2^(e - 128).
float half_e8m0(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? uint32_t{0x00200000} << e : uint32_t(e - 1) << 23);
}

/// Half the value of an e4m3 float without sign; 0x7F counts as zero.
float half_ue4m3(uint8_t bits) {
  if (bits == 0x7F) return 0;
  const int exponent = bits >> 3 & 0xF, mantissa = bits & 7;
  return exponent == 0 ? std::ldexp(float(mantissa), -10)
                       : std::ldexp(float(8 + mantissa), exponent - 11);
}

/// Writes `digits` runs of `count` values: the n-th run is the n-th base-3 digit, from the top, of
/// each byte read as a fraction of 256.
float* ternary_digits(float d, const uint8_t* q, int count, int digits, float* y) {
  int power = 1;
  for (int n = 0; n < digits; ++n, power *= 3)
    for (int i = 0; i < count; ++i)
      *y++ = d * float((static_cast<uint8_t>(q[i] * power) * 3 >> 8) - 1);
  return y;
}

}  // namespace

void dequantize_tq1_0(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b + 52);
  y = ternary_digits(d, b, 32, 5, y);
  y = ternary_digits(d, b + 32, 16, 5, y);
  ternary_digits(d, b + 48, 4, 4, y);
}

void dequantize_tq2_0(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b + 64);
  for (int i = 0; i < 256; ++i)
    y[i] = d * float((b[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) - 1);
}

void dequantize_mxfp4(const uint8_t* b, float* y) noexcept {
  const float d = half_e8m0(b[0]);
  for (int i = 0; i < 16; ++i) {
    y[i] = d * e2m1_doubled[b[1 + i] & 0xF];
    y[i + 16] = d * e2m1_doubled[b[1 + i] >> 4];
  }
}

void dequantize_nvfp4(const uint8_t* b, float* y) noexcept {
  for (int group = 0; group < 4; ++group) {
    const float d = half_ue4m3(b[group]);
    const uint8_t* q = b + 4 + group * 8;
    for (int i = 0; i < 8; ++i) {
      y[group * 16 + i] = d * e2m1_doubled[q[i] & 0xF];
      y[group * 16 + i + 8] = d * e2m1_doubled[q[i] >> 4];
    }
  }
}

}  // namespace deepseek::kernels::scalar
