// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

// Plain data alone: this header is compiled with the flags of every instruction set.

namespace deepseek::kernels {

/// Outputs of one panel: a panel holds 16 rows of a weight [outputs, cols], interleaved.
constexpr int64_t panel_width = 16;

/// Columns that share one scale of the quantised activations.
constexpr int64_t activation_block = 32;

/// The largest quantised activation: 15 bits, so that rounding activations changes a model's
/// distribution a hundred times less than 8 bits would.
constexpr int activation_max = 127 * 128;

/// The same where the upper plane is all there is: 8 bits.
constexpr int one_plane_max = 127;

/// 32 activations in two planes of int8: x = d * v, v = 128 * upper + lower. Dot products of the
/// planes are exact, and so is their sum. With one plane alone, x is rounded to 8 bits: v = upper,
/// and lower is zero.
struct alignas(64) ActivationBlock {
  int8_t upper[activation_block];  // -127 … 127
  int8_t lower[activation_block];  // -64 … 63
  float d;                         // max |x| over the largest v; NaN when one is not finite
  int32_t minus_sum;               // -(sum of v)
  int32_t minus_half[2];           // the same for v[0, 16) and v[16, 32)
  float sum;                       // d * sum of v
  float half[2];
};

/// out[r, n] = sum over k of x[r, k] * weight[n, k], for the outputs of consecutive panels.
struct LinearArgs {
  const unsigned char* panels;  // the first panel
  int64_t panel_bytes;          // from one panel to the next
  int64_t outputs;              // from the first panel on; the last panel may be used in part
  int64_t cols;
  int64_t block_cols;    // fp8: columns that share a scale
  const void* const* x;  // [rows] f32 [cols], or ActivationBlock [cols / 32] for block formats
  float* const* out;     // [rows] f32; the first output is written at out_offset
  int64_t out_offset;
  int64_t rows;
  bool accumulate;         // f32: the chains start from what `out` holds instead of zero
  bool one_plane = false;  // block formats: every x has the upper plane alone
};

/// Rows of activations, rounded to 15 bits for the block formats, or to 8 with one plane.
struct QuantizeArgs {
  const float* x;  // [cols], cols a multiple of 32
  int64_t cols;
  ActivationBlock* out;  // [cols / 32]
  bool one_plane;
};

}  // namespace deepseek::kernels
