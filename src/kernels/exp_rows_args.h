// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// out[r] = exp(x[r] - shift[r]) * factor[r]. `out` may be `x`.
struct ExpRowsArgs {
  const float* x;       // [rows, dim]
  const float* shift;   // [rows]
  const float* factor;  // [rows]
  float* out;           // [rows, dim]
  int64_t rows, dim;
};

}  // namespace deepseek::kernels
