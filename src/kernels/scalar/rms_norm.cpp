// SPDX-License-Identifier: Apache-2.0
#include "kernels/rms_norm.h"

#include <cmath>

#include "kernels/scalar/exp.h"

namespace deepseek::kernels::scalar {

void rms_norm(const RmsNormArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = a.x + r * a.dim;
    float* out = a.out + r * a.dim;
    float lanes[16] = {};
    for (int64_t i = 0; i < a.dim; ++i) lanes[i % 16] = std::fma(x[i], x[i], lanes[i % 16]);
    const float mean = fold_lanes(lanes, add) / static_cast<float>(a.dim);
    const float inverse = 1.0f / std::sqrt(mean + a.eps);
    for (int64_t i = 0; i < a.dim; ++i) out[i] = x[i] * inverse * a.weight[i];
  }
}

}  // namespace deepseek::kernels::scalar
