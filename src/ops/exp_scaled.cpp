// SPDX-License-Identifier: Apache-2.0
#include "ops/exp_scaled.h"

#include "kernels/exp_scaled.h"

namespace deepseek {

void exp_scaled(std::span<double> values, double shift, double divisor) {
  kernels::exp_scaled_f64.best().run(
      {values.data(), shift, divisor, static_cast<int64_t>(values.size())});
}

}  // namespace deepseek
