// SPDX-License-Identifier: Apache-2.0
#include "kernels/log_sum_exp.h"

#include <limits>

#include "kernels/scalar/exp.h"

namespace deepseek::kernels::scalar {

void log_sum_exp(const LogSumExpArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = a.x + r * a.dim;
    float max = -std::numeric_limits<float>::infinity();
    for (int64_t i = 0; i < a.dim; ++i) max = larger(max, x[i]);
    double lanes[16] = {};
    for (int64_t i = 0; i < a.dim; ++i) lanes[i % 16] += exp(x[i] - max);
    for (int half = 8; half > 0; half /= 2)
      for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    a.max[r] = max;
    a.sum[r] = lanes[0];
  }
}

}  // namespace deepseek::kernels::scalar
