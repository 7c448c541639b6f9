// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// out[r] = x[r] / sqrt(mean(x[r]^2) + eps) * weight.
struct RmsNormArgs {
  const float* x;       // [rows, dim]
  const float* weight;  // [dim]
  float* out;           // [rows, dim]
  int64_t rows, dim;
  float eps;
};

}  // namespace deepseek::kernels
