// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>

#include "tensor/float_convert.h"

namespace deepseek::kernels::scalar {

/// Element `index` of a run of bf16 or f32 values.
inline float page_value(const std::byte* values, int64_t index, bool bf16) {
  if (bf16) {
    uint16_t bits;
    std::memcpy(&bits, values + index * 2, sizeof(bits));
    return bf16_to_f32(bits);
  }
  float value;
  std::memcpy(&value, values + index * 4, sizeof(value));
  return value;
}

}  // namespace deepseek::kernels::scalar
