// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace deepseek {

/// How a weight is stored: a float type, FP8 with block scales, or a GGUF block type.
enum class Format : uint8_t {
  f32,
  f16,
  bf16,
  f64,
  i8,
  i16,
  i32,
  i64,
  fp8,  // e4m3 with an f32 scale per rectangular block (DeepSeek-V3); no GGUF id
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq2_xxs,
  iq2_xs,
  iq2_s,
  iq3_xxs,
  iq3_s,
  iq1_s,
  iq1_m,
  iq4_nl,
  iq4_xs,
  tq1_0,
  tq2_0,
  mxfp4,
  nvfp4,
};

/// One row of the format table.
struct FormatInfo {
  Format format;
  std::string_view name;  // as GGUF tools print it: "Q4_K", "F16"
  int ggml_type;          // id in a GGUF file; -1 when it has none
  int64_t block_size;     // elements a block
  int64_t block_bytes;    // bytes a block

  /// Bytes of a row of `elements`, which the block size must divide.
  int64_t row_bytes(int64_t elements) const { return elements / block_size * block_bytes; }
};

const FormatInfo& format_info(Format format);
std::span<const FormatInfo> all_formats();
std::optional<Format> format_from_ggml(int64_t ggml_type);
std::optional<Format> format_from_name(std::string_view name);

}  // namespace deepseek
