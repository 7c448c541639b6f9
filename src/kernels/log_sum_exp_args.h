// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// Largest value of a row and sum of exp(x - largest), added up in double precision.
struct LogSumExpArgs {
  const float* x;  // [rows, dim]
  float* max;      // [rows]
  double* sum;     // [rows]
  int64_t rows, dim;
};

}  // namespace deepseek::kernels
