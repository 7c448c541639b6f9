// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

#include <array>

namespace deepseek {
namespace {

struct Row {
  DType type;
  int64_t size;
  std::string_view name, safetensors;
};

constexpr std::array<Row, 13> rows{{
    {DType::f32, 4, "f32", "F32"},
    {DType::f64, 8, "f64", "F64"},
    {DType::bf16, 2, "bf16", "BF16"},
    {DType::f16, 2, "f16", "F16"},
    {DType::e4m3, 1, "e4m3", "F8_E4M3"},
    {DType::e5m2, 1, "e5m2", "F8_E5M2"},
    {DType::e8m0, 1, "e8m0", "F8_E8M0"},
    {DType::i8, 1, "i8", "I8"},
    {DType::u8, 1, "u8", "U8"},
    {DType::i16, 2, "i16", "I16"},
    {DType::i32, 4, "i32", "I32"},
    {DType::i64, 8, "i64", "I64"},
    {DType::boolean, 1, "bool", "BOOL"},
}};

}  // namespace

int64_t dtype_size(DType type) { return rows[static_cast<size_t>(type)].size; }
std::string_view dtype_name(DType type) { return rows[static_cast<size_t>(type)].name; }
std::string_view safetensors_name(DType type) {
  return rows[static_cast<size_t>(type)].safetensors;
}

std::optional<DType> dtype_from_safetensors(std::string_view name) {
  for (const Row& row : rows)
    if (row.safetensors == name) return row.type;
  return std::nullopt;
}

}  // namespace deepseek
