// SPDX-License-Identifier: Apache-2.0
// Blocks of 32 with one scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.
#include "kernels/scalar/dequantize_blocks.h"

namespace deepseek::kernels::scalar {

void dequantize_q4_0(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  const uint8_t* q = b + 2;
  for (int i = 0; i < 16; ++i) {
    y[i] = d * float((q[i] & 0xF) - 8);
    y[i + 16] = d * float((q[i] >> 4) - 8);
  }
}

void dequantize_q4_1(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b), m = load_f16(b + 2);
  const uint8_t* q = b + 4;
  for (int i = 0; i < 16; ++i) {
    y[i] = d * float(q[i] & 0xF) + m;
    y[i + 16] = d * float(q[i] >> 4) + m;
  }
}

void dequantize_q5_0(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  const uint32_t high = load_u32(b + 2);
  const uint8_t* q = b + 6;
  for (int i = 0; i < 16; ++i) {
    const int low_bit = int(high >> i & 1) << 4, high_bit = int(high >> (i + 16) & 1) << 4;
    y[i] = d * float(((q[i] & 0xF) | low_bit) - 16);
    y[i + 16] = d * float(((q[i] >> 4) | high_bit) - 16);
  }
}

void dequantize_q5_1(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b), m = load_f16(b + 2);
  const uint32_t high = load_u32(b + 4);
  const uint8_t* q = b + 8;
  for (int i = 0; i < 16; ++i) {
    const int low_bit = int(high >> i & 1) << 4, high_bit = int(high >> (i + 16) & 1) << 4;
    y[i] = d * float((q[i] & 0xF) | low_bit) + m;
    y[i + 16] = d * float((q[i] >> 4) | high_bit) + m;
  }
}

void dequantize_q8_0(const uint8_t* b, float* y) noexcept {
  const float d = load_f16(b);
  for (int i = 0; i < 32; ++i) y[i] = float(static_cast<int8_t>(b[2 + i])) * d;
}

}  // namespace deepseek::kernels::scalar
