// SPDX-License-Identifier: Apache-2.0
#include "tensor/format.h"

#include <array>

namespace deepseek {
namespace {

constexpr std::array<FormatInfo, 32> table{{
    {Format::f32, "F32", 0, 1, 4},
    {Format::f16, "F16", 1, 1, 2},
    {Format::bf16, "BF16", 30, 1, 2},
    {Format::f64, "F64", 28, 1, 8},
    {Format::i8, "I8", 24, 1, 1},
    {Format::i16, "I16", 25, 1, 2},
    {Format::i32, "I32", 26, 1, 4},
    {Format::i64, "I64", 27, 1, 8},
    {Format::fp8, "FP8", -1, 1, 1},
    {Format::q4_0, "Q4_0", 2, 32, 18},
    {Format::q4_1, "Q4_1", 3, 32, 20},
    {Format::q5_0, "Q5_0", 6, 32, 22},
    {Format::q5_1, "Q5_1", 7, 32, 24},
    {Format::q8_0, "Q8_0", 8, 32, 34},
    {Format::q2_k, "Q2_K", 10, 256, 84},
    {Format::q3_k, "Q3_K", 11, 256, 110},
    {Format::q4_k, "Q4_K", 12, 256, 144},
    {Format::q5_k, "Q5_K", 13, 256, 176},
    {Format::q6_k, "Q6_K", 14, 256, 210},
    {Format::iq2_xxs, "IQ2_XXS", 16, 256, 66},
    {Format::iq2_xs, "IQ2_XS", 17, 256, 74},
    {Format::iq2_s, "IQ2_S", 22, 256, 82},
    {Format::iq3_xxs, "IQ3_XXS", 18, 256, 98},
    {Format::iq3_s, "IQ3_S", 21, 256, 110},
    {Format::iq1_s, "IQ1_S", 19, 256, 50},
    {Format::iq1_m, "IQ1_M", 29, 256, 56},
    {Format::iq4_nl, "IQ4_NL", 20, 32, 18},
    {Format::iq4_xs, "IQ4_XS", 23, 256, 136},
    {Format::tq1_0, "TQ1_0", 34, 256, 54},
    {Format::tq2_0, "TQ2_0", 35, 256, 66},
    {Format::mxfp4, "MXFP4", 39, 32, 17},
    {Format::nvfp4, "NVFP4", 40, 64, 36},
}};

}  // namespace

const FormatInfo& format_info(Format format) { return table[static_cast<size_t>(format)]; }

std::span<const FormatInfo> all_formats() { return table; }

std::optional<Format> format_from_ggml(int64_t ggml_type) {
  for (const FormatInfo& info : table)
    if (info.ggml_type >= 0 && info.ggml_type == ggml_type) return info.format;
  return std::nullopt;
}

std::optional<Format> format_from_name(std::string_view name) {
  for (const FormatInfo& info : table)
    if (info.name == name) return info.format;
  return std::nullopt;
}

}  // namespace deepseek
