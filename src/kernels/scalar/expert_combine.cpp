// SPDX-License-Identifier: Apache-2.0
#include "kernels/expert_combine.h"

#include <cmath>

namespace deepseek::kernels::scalar {

void expert_combine(const ExpertCombineArgs& a) noexcept {
  for (int64_t t = 0; t < a.tokens; ++t) {
    float* out = a.out + t * a.dim;
    for (int64_t i = 0; i < a.dim; ++i) out[i] = 0;
    for (int64_t k = 0; k < a.per_token; ++k) {
      const float weight = a.weights[t * a.per_token + k];
      const float* values = a.values + a.slots[t * a.per_token + k] * a.dim;
      for (int64_t i = 0; i < a.dim; ++i) out[i] = std::fma(weight, values[i], out[i]);
    }
  }
}

}  // namespace deepseek::kernels::scalar
