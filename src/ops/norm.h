// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace deepseek {

/// y = x / sqrt(mean(x^2) + eps) * weight   (Zhang & Sennrich, 2019), over the last dimension.
/// x [..., dim], weight [dim] -> [..., dim].
Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps);

}  // namespace deepseek
