// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/linear_args.h"
#include "ops/weight.h"

namespace deepseek {

/// Version of the panel layouts of kernels/linear_layout.h: what a cache of packed weights, and the
/// fingerprint of a result, must carry.
inline constexpr int panel_version = 1;

/// The format whose kernel computes with this one's panels: itself, or f32.
Format compute_format(Format format);

/// Bytes of one panel of `weight` in its compute format.
int64_t packed_panel_bytes(const Weight& weight);

/// Bytes of all panels of a matrix of `format` once it is packed; `block_cols` is for fp8.
int64_t packed_bytes(Format format, int64_t rows, int64_t cols, int64_t block_cols);

/// Panels of `weight`: its rows in groups of 16.
inline int64_t panel_count(const Weight& weight) {
  return (weight.rows() + kernels::panel_width - 1) / kernels::panel_width;
}

/// Writes panel `index` of a weight in rows, packed_panel_bytes long. Rows past the end are zero.
void pack_panel(const Weight& weight, int64_t index, std::byte* out);

/// Panels of the transposed matrix, for sums over the rows of `values` [rows, cols] f32:
/// out [rows][16] = columns first … first + 15, zero past the end.
void pack_transposed_panel(const float* values, int64_t rows, int64_t cols, int64_t first,
                           float* out);

}  // namespace deepseek
