// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "kernels/family.h"
#include "kernels/linear_layout.h"
#include "tensor/format.h"

namespace deepseek::kernels {

// out[r, n] = sum over k of x[r, k] * weight[n, k], one family for each weight format. Every output
// is one chain of fused multiply-adds in f32, in an order that the format fixes, so a result is the
// same bits for any number of rows, whatever the variant:
//
//   f32 f16 bf16     acc = fma(x[k], w[k], acc) over k
//   fp8              inner = the same chain over block_cols columns; acc = fma(inner, scale, acc)
//   block formats    x in one or two planes of int8 (quantize_activations); for each group of 16 or
//                    32 columns
//                    dot = exact integer sum of q * (code - zero)
//                    acc = fma(dot * d_x, scale, acc), then, with a minimum,
//                    acc = fma(d_x * sum of q, -min, acc)
//
// Bound: memory for a few rows (each weight byte is read once for eight rows), multiply-adds for
// many. Panels are laid out as linear_layout.h says.

using LinearFamily = KernelFamily<LinearArgs, 3>;
using QuantizeFamily = KernelFamily<QuantizeArgs, 3>;

/// The family of a format, or null when it has none of its own.
const LinearFamily* linear_family(Format format);

/// All linear families, in the order of Format.
std::span<const LinearFamily> linear_families();

extern const QuantizeFamily quantize_activations;

/// How panels of a block format look; null for others. Formats with a layout take rows of
/// ActivationBlock, all others f32.
const BlockLayout* block_layout(Format format);

/// Bytes of one panel of a format that has a family; `block_cols` is for fp8.
int64_t panel_bytes(Format format, int64_t cols, int64_t block_cols);

/// Writes output `index` [0, 16) of a panel as f32 [cols], the values dequantize_row gives.
void panel_row(Format format, const std::byte* panel, int64_t cols, int64_t block_cols,
               int64_t index, float* out);

}  // namespace deepseek::kernels
