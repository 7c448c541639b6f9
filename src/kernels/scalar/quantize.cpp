// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/dequantize.h"
#include "tensor/float_convert.h"

namespace deepseek::kernels {
namespace {

constexpr int block_size = 32;

void store_u16(uint8_t* at, uint16_t value) { std::memcpy(at, &value, sizeof value); }

float inverse(float d) { return d == 0 ? 0.0f : 1.0f / d; }

/// The integer part, held within 0…max also for what is not a number.
int clamp_to(float value, int max) {
  if (!(value > 0)) return 0;
  return value >= float(max) ? max : static_cast<int>(value);
}

/// Nibbles, and for five-bit values their top bits, as all blocks of 32 store them: value i in the
/// low half of byte i, value i + 16 in the high half.
void store_values(const int* q, uint8_t* high, uint8_t* nibbles) {
  uint32_t top = 0;
  for (int i = 0; i < block_size; ++i) top |= uint32_t(q[i] >> 4) << i;
  if (high != nullptr) std::memcpy(high, &top, sizeof top);
  for (int i = 0; i < block_size / 2; ++i)
    nibbles[i] = static_cast<uint8_t>((q[i] & 0xF) | (q[i + 16] & 0xF) << 4);
}

/// Q4_0 and Q5_0: levels -half…half-1 times d, where the value of largest magnitude is -half · d.
void quantize_symmetric(const float* x, uint8_t* b, int half) {
  float extreme = x[0];
  for (int i = 1; i < block_size; ++i)
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  const float d = extreme / float(-half), inv = inverse(d);
  int q[block_size];
  for (int i = 0; i < block_size; ++i)
    q[i] = clamp_to(x[i] * inv + (float(half) + 0.5f), 2 * half - 1);
  store_u16(b, f32_to_f16(d));
  store_values(q, half == 16 ? b + 2 : nullptr, half == 16 ? b + 6 : b + 2);
}

/// Q4_1 and Q5_1: levels 0…top times d above the minimum.
void quantize_offset(const float* x, uint8_t* b, int top) {
  const auto [min, max] = std::minmax_element(x, x + block_size);
  const float d = (*max - *min) / float(top), inv = inverse(d);
  int q[block_size];
  for (int i = 0; i < block_size; ++i) q[i] = clamp_to((x[i] - *min) * inv + 0.5f, top);
  store_u16(b, f32_to_f16(d));
  store_u16(b + 2, f32_to_f16(*min));
  store_values(q, top == 31 ? b + 4 : nullptr, top == 31 ? b + 8 : b + 4);
}

void quantize_q8_0(const float* x, uint8_t* b) {
  float largest = 0;
  for (int i = 0; i < block_size; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float d = largest / 127, inv = inverse(d);
  store_u16(b, f32_to_f16(d));
  for (int i = 0; i < block_size; ++i) {
    const int magnitude = clamp_to(std::round(std::fabs(x[i] * inv)), 127);
    b[2 + i] = static_cast<uint8_t>(x[i] < 0 ? -magnitude : magnitude);
  }
}

void quantize_block(Format format, const float* x, uint8_t* b) {
  switch (format) {
    case Format::q4_0:
      return quantize_symmetric(x, b, 8);
    case Format::q5_0:
      return quantize_symmetric(x, b, 16);
    case Format::q4_1:
      return quantize_offset(x, b, 15);
    case Format::q5_1:
      return quantize_offset(x, b, 31);
    case Format::q8_0:
      return quantize_q8_0(x, b);
    case Format::f16:
      return store_u16(b, f32_to_f16(*x));
    case Format::bf16:
      return store_u16(b, f32_to_bf16(*x));
    default:
      std::memcpy(b, x, sizeof *x);
  }
}

}  // namespace

bool can_quantize(Format format) {
  switch (format) {
    case Format::f32:
    case Format::f16:
    case Format::bf16:
    case Format::q8_0:
    case Format::q4_0:
    case Format::q4_1:
    case Format::q5_0:
    case Format::q5_1:
      return true;
    default:
      return false;
  }
}

void quantize_row(Format format, const float* x, void* blocks, int64_t n) noexcept {
  const FormatInfo& info = format_info(format);
  auto* to = static_cast<uint8_t*>(blocks);
  for (int64_t i = 0; i < n; i += info.block_size, to += info.block_bytes)
    quantize_block(format, x + i, to);
}

}  // namespace deepseek::kernels
