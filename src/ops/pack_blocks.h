// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "tensor/format.h"

namespace deepseek {

/// Writes the panel of up to 16 rows of a block format, `row_bytes` apart and `cols` wide, as
/// kernels/linear_layout.h lays it out. Every code and scale keeps its bits; 6-bit and 4-bit scales
/// are widened to bytes.
void pack_block_panel(Format format, const std::byte* rows, int64_t row_count, int64_t row_bytes,
                      int64_t cols, std::byte* out);

}  // namespace deepseek
