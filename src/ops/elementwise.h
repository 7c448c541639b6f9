// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace deepseek {

/// a + b of one shape.
Tensor add(const Tensor& a, const Tensor& b);

/// x * factor.
Tensor scale(const Tensor& x, float factor);

/// x [..., n] + bias [n], the same for every row.
Tensor add_bias(const Tensor& x, const Tensor& bias);

/// silu(gate) * up, silu(z) = z / (1 + exp(-z))   (Shazeer, 2020). Both of one shape.
Tensor swiglu(const Tensor& gate, const Tensor& up);

}  // namespace deepseek
