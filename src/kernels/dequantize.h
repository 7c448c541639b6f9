// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tensor/format.h"

namespace deepseek::kernels {

/// out[0…n) = the values of n / block_size consecutive blocks, each computed in float32 in the
/// order of operations that defines the format (no fused multiply-add). n is a multiple of the
/// block size; `blocks` needs no alignment. Integers become their nearest float, fp8 its value
/// before scaling.
/// https://github.com/ggml-org/ggml, ggml-quants.c (dequantize_row_*) describes the block formats.
void dequantize_row(Format format, const void* blocks, float* out, int64_t n) noexcept;

/// True for the formats that quantize_row writes: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1.
bool can_quantize(Format format);

/// Packs x[0…n) into n / block_size blocks by the reference rounding of the format: nearest even
/// for floats, the scale from the largest magnitude for blocks. n is a multiple of the block size.
void quantize_row(Format format, const float* x, void* blocks, int64_t n) noexcept;

}  // namespace deepseek::kernels
