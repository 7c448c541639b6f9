// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// values[i] = exp((values[i] - shift) / divisor) in float64; arguments must not be positive. Zero
/// below exp(-708).
struct ExpScaledArgs {
  double* values;  // [count]
  double shift, divisor;
  int64_t count;
};

}  // namespace deepseek::kernels
