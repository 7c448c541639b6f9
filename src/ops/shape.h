// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace deepseek {

/// x [..., sum of widths] -> one [..., width] for each width.
std::vector<Tensor> split_last(const Tensor& x, const std::vector<int64_t>& widths);

/// The inverse of split_last: parts agree in all but the last dimension.
Tensor concat_last(std::span<const Tensor> parts);

/// The same elements in another shape; one dimension may be -1. Shares storage.
Tensor reshape(const Tensor& x, const Shape& shape);

/// out[i] = x[indices[i]] along the first axis; a row may be taken more than once. Throws
/// invalid_input for an index outside [0, x.dim(0)).
Tensor gather_rows(const Tensor& x, std::span<const int64_t> indices);

/// Rows [begin, end) of the first axis. Shares storage.
Tensor slice_rows(const Tensor& x, int64_t begin, int64_t end);

/// The parts one under the other; they agree in all but the first dimension.
Tensor concat_rows(std::span<const Tensor> parts);

}  // namespace deepseek
