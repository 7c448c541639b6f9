// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>

#include "tensor/float_convert.h"

namespace deepseek::kernels::scalar {

// One block each: `b` the packed bytes, `y` its 32, 64 or 256 values.

void dequantize_q4_0(const uint8_t* b, float* y) noexcept;
void dequantize_q4_1(const uint8_t* b, float* y) noexcept;
void dequantize_q5_0(const uint8_t* b, float* y) noexcept;
void dequantize_q5_1(const uint8_t* b, float* y) noexcept;
void dequantize_q8_0(const uint8_t* b, float* y) noexcept;
void dequantize_q2_k(const uint8_t* b, float* y) noexcept;
void dequantize_q3_k(const uint8_t* b, float* y) noexcept;
void dequantize_q4_k(const uint8_t* b, float* y) noexcept;
void dequantize_q5_k(const uint8_t* b, float* y) noexcept;
void dequantize_q6_k(const uint8_t* b, float* y) noexcept;
void dequantize_iq2_xxs(const uint8_t* b, float* y) noexcept;
void dequantize_iq2_xs(const uint8_t* b, float* y) noexcept;
void dequantize_iq2_s(const uint8_t* b, float* y) noexcept;
void dequantize_iq3_xxs(const uint8_t* b, float* y) noexcept;
void dequantize_iq3_s(const uint8_t* b, float* y) noexcept;
void dequantize_iq1_s(const uint8_t* b, float* y) noexcept;
void dequantize_iq1_m(const uint8_t* b, float* y) noexcept;
void dequantize_iq4_nl(const uint8_t* b, float* y) noexcept;
void dequantize_iq4_xs(const uint8_t* b, float* y) noexcept;
void dequantize_tq1_0(const uint8_t* b, float* y) noexcept;
void dequantize_tq2_0(const uint8_t* b, float* y) noexcept;
void dequantize_mxfp4(const uint8_t* b, float* y) noexcept;
void dequantize_nvfp4(const uint8_t* b, float* y) noexcept;

inline uint16_t load_u16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline uint32_t load_u32(const uint8_t* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline float load_f16(const uint8_t* at) { return f16_to_f32(load_u16(at)); }

/// Four bits of a packed array of nibbles, the even index in the low half of its byte.
inline int nibble(const uint8_t* bytes, int index) {
  return (bytes[index / 2] >> (index % 2 * 4)) & 0xF;
}

}  // namespace deepseek::kernels::scalar
