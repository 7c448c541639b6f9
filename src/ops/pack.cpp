// SPDX-License-Identifier: Apache-2.0
#include "ops/pack.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/linear.h"
#include "ops/pack_blocks.h"

namespace deepseek {
namespace {

using kernels::panel_width;

/// Interleaves up to 16 rows of T: out[k / step][n][k % step].
template <class T, int64_t step>
void interleave(const T* rows, int64_t row_count, int64_t cols, T* out) {
  const int64_t padded = (cols + step - 1) / step * step;
  if (row_count < panel_width || padded != cols)
    std::memset(out, 0, size_t(padded * panel_width) * sizeof(T));
  // Columns in runs of a cache line, so that each line of the source is read once.
  constexpr int64_t run = 64 / sizeof(T);
  for (int64_t first = 0; first < cols; first += run)
    for (int64_t n = 0; n < row_count; ++n)
      for (int64_t k = first; k < std::min(cols, first + run); ++k)
        out[k / step * step * panel_width + n * step + k % step] = rows[n * cols + k];
}

void pack_fp8_panel(const Weight& weight, int64_t first, int64_t row_count, std::byte* out) {
  const BlockScales& scales = *weight.scales();
  const int64_t slices = scales.values.dim(1), cols = weight.cols();
  const auto* codes = reinterpret_cast<const uint8_t*>(weight.data()) + first * cols;
  for (int64_t b = 0; b < slices; ++b) {
    const int64_t begin = b * scales.block_cols;
    const int64_t count = std::min(scales.block_cols, cols - begin);
    const int64_t bytes = kernels::fp8_slice_bytes(count);
    if (row_count < panel_width || count % 4 != 0) std::memset(out, 0, size_t(bytes));
    for (int64_t n = 0; n < row_count; ++n) {
      const float* scale = scales.values.data() + (first + n) / scales.block_rows * slices + b;
      std::memcpy(out + n * int64_t{sizeof(float)}, scale, sizeof(float));
      const uint8_t* row = codes + n * cols + begin;
      auto* at = reinterpret_cast<uint8_t*>(out) + 64 + kernels::fp8_byte(0, n);
      for (int64_t k = 0; k < count; ++k) at[k / 4 * 64 + kernels::fp8_byte(k % 4, 0)] = row[k];
    }
    out += bytes;
  }
}

}  // namespace

Format compute_format(Format format) { return has_linear_kernel(format) ? format : Format::f32; }

int64_t packed_panel_bytes(const Weight& weight) {
  return kernels::panel_bytes(compute_format(weight.format()), weight.cols(),
                              weight.scales() ? weight.scales()->block_cols : 0);
}

int64_t packed_bytes(Format format, int64_t rows, int64_t cols, int64_t block_cols) {
  return (rows + panel_width - 1) / panel_width *
         kernels::panel_bytes(compute_format(format), cols, block_cols);
}

void pack_panel(const Weight& weight, int64_t index, std::byte* out) {
  const int64_t first = index * panel_width;
  const int64_t row_count = std::min(panel_width, weight.rows() - first);
  const int64_t cols = weight.cols();
  const int64_t row_bytes = format_info(weight.format()).row_bytes(cols);
  const std::byte* rows = weight.data() + first * row_bytes;
  if (weight.format() == Format::fp8) return pack_fp8_panel(weight, first, row_count, out);
  if (kernels::block_layout(weight.format()) != nullptr)
    return pack_block_panel(weight.format(), rows, row_count, row_bytes, cols, out);
  if (weight.format() == Format::f32)
    return interleave<float, 1>(reinterpret_cast<const float*>(rows), row_count, cols,
                                reinterpret_cast<float*>(out));
  if (weight.format() == Format::f16)
    return interleave<uint16_t, 1>(reinterpret_cast<const uint16_t*>(rows), row_count, cols,
                                   reinterpret_cast<uint16_t*>(out));
  if (weight.format() == Format::bf16)
    return interleave<uint16_t, 2>(reinterpret_cast<const uint16_t*>(rows), row_count, cols,
                                   reinterpret_cast<uint16_t*>(out));
  std::vector<float> values(size_t(row_count * cols));
  for (int64_t n = 0; n < row_count; ++n) weight.row(first + n, values.data() + n * cols);
  interleave<float, 1>(values.data(), row_count, cols, reinterpret_cast<float*>(out));
}

void pack_transposed_panel(const float* values, int64_t rows, int64_t cols, int64_t first,
                           float* out) {
  const int64_t used = std::min(panel_width, cols - first);
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = values + r * cols + first;
    float* to = out + r * panel_width;
    if (used == panel_width) {
      std::copy_n(row, panel_width, to);
    } else {
      std::copy_n(row, used, to);
      std::fill_n(to + used, panel_width - used, 0.0f);
    }
  }
}

}  // namespace deepseek
