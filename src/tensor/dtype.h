// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace deepseek {

/// Type of one stored element.
enum class DType : uint8_t {
  f32,
  f64,
  bf16,
  f16,
  e4m3,  // float8 e4m3fn: no infinity, NaN is 0x7F and 0xFF
  e5m2,
  e8m0,  // a power of two, 2^(byte - 127); NaN is 0xFF
  i8,
  u8,
  i16,
  i32,
  i64,
  boolean,
};

int64_t dtype_size(DType type);  // bytes

/// Our name: "f32", "bf16", "i64".
std::string_view dtype_name(DType type);

/// The name in a safetensors header: "F32", "BF16", "F8_E4M3".
std::string_view safetensors_name(DType type);
std::optional<DType> dtype_from_safetensors(std::string_view name);

}  // namespace deepseek
