// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace deepseek {

/// x [T, dim] -> [T, heads, dim], the same row for every head (MLA's one rope key).
Tensor repeat_heads(const Tensor& x, int64_t heads);

}  // namespace deepseek
