// SPDX-License-Identifier: Apache-2.0
#include "ops/block_scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace deepseek {
namespace {

/// Where a block of a format has its f16 scale, and its f16 minimum, in bytes; -1: none.
struct HalfScales {
  Format format;
  int scale, minimum = -1;
};

constexpr std::array<HalfScales, 20> half_scales{{
    {Format::q4_0, 0},    {Format::q4_1, 0, 2},   {Format::q5_0, 0},    {Format::q5_1, 0, 2},
    {Format::q8_0, 0},    {Format::q2_k, 80, 82}, {Format::q3_k, 108},  {Format::q4_k, 0, 2},
    {Format::q5_k, 0, 2}, {Format::q6_k, 208},    {Format::iq2_xxs, 0}, {Format::iq2_xs, 0},
    {Format::iq2_s, 0},   {Format::iq3_xxs, 0},   {Format::iq3_s, 0},   {Format::iq1_s, 0},
    {Format::iq4_nl, 0},  {Format::iq4_xs, 0},    {Format::tq1_0, 52},  {Format::tq2_0, 64},
}};

bool finite_half(const std::byte* at) {
  uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return (bits & 0x7C00) != 0x7C00;
}

}  // namespace

std::optional<int64_t> row_with_bad_scale(const Weight& weight) {
  for (const HalfScales& one : half_scales) {
    if (one.format != weight.format()) continue;
    const FormatInfo& info = format_info(one.format);
    const int64_t blocks = weight.cols() / info.block_size;
    const int64_t other = one.minimum < 0 ? one.scale : one.minimum;
    const std::byte* block = weight.data();
    for (int64_t row = 0; row < weight.rows(); ++row)
      for (int64_t b = 0; b < blocks; ++b, block += info.block_bytes)
        if (!finite_half(block + one.scale) || !finite_half(block + other)) return row;
    return std::nullopt;
  }
  // The scales of the others are put together from parts: their values tell.
  if (format_info(weight.format()).block_size == 1) return std::nullopt;
  for (int64_t row = 0; row < weight.rows(); ++row)
    if (!std::ranges::all_of(weight.dequantized_rows(row, 1).values(),
                             [](float value) { return std::isfinite(value); }))
      return row;
  return std::nullopt;
}

}  // namespace deepseek
