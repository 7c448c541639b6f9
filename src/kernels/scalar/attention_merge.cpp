// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention_merge.h"

#include "kernels/scalar/exp.h"

namespace deepseek::kernels::scalar {

void attention_merge(const AttentionMergeArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r) {
    if (a.later_sum[r] == 0) continue;
    float* out = a.out + r * a.dim;
    const float* later = a.later_out + r * a.dim;
    if (a.sum[r] == 0) {
      a.max[r] = a.later_max[r];
      a.sum[r] = a.later_sum[r];
      for (int64_t i = 0; i < a.dim; ++i) out[i] = later[i];
      continue;
    }
    const float max = larger(a.max[r], a.later_max[r]);
    const float keep = exp(a.max[r] - max), take = exp(a.later_max[r] - max);
    a.max[r] = max;
    a.sum[r] = std::fma(a.later_sum[r], take, a.sum[r] * keep);
    for (int64_t i = 0; i < a.dim; ++i) out[i] = std::fma(later[i], take, out[i] * keep);
  }
}

}  // namespace deepseek::kernels::scalar
