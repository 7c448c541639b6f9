// SPDX-License-Identifier: Apache-2.0
#include "kernels/latent_attention.h"

#include <cmath>
#include <limits>

#include "kernels/attention_merge.h"
#include "kernels/scalar/exp.h"
#include "kernels/scalar/page.h"

namespace deepseek::kernels::scalar {

void latent_attention(const LatentAttentionArgs& a) noexcept {
  float weights[latent_page_tokens];
  float* page_out = a.scratch;
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t h = 0; h < a.heads; ++h) {
      const float* q = a.q_lanes + r * a.q_stride + h;
      const int64_t at = r * a.heads + h;
      a.max[at] = 0;
      a.sum[at] = 0;
      for (int64_t page = a.page_begin; page < a.page_end; ++page) {
        const int64_t left = a.positions[r] + 1 - page * latent_page_tokens;
        if (left <= 0) break;
        const int64_t visible = left < latent_page_tokens ? left : latent_page_tokens;
        const std::byte* latent = a.pages[page];
        float max = -std::numeric_limits<float>::infinity();
        for (int64_t i = 0; i < visible; ++i) {
          weights[i] = 0;
          for (int64_t d = 0; d < a.width; ++d)
            weights[i] = std::fma(q[d * latent_head_lanes],
                                  page_value(latent, i * a.width + d, a.bf16), weights[i]);
          max = larger(max, weights[i]);
        }
        float sum = 0;
        for (int64_t d = 0; d < a.rank; ++d) page_out[d] = 0;
        for (int64_t i = 0; i < visible; ++i) {
          const float weight = exp(weights[i] - max);
          sum += weight;
          for (int64_t d = 0; d < a.rank; ++d)
            page_out[d] =
                std::fma(weight, page_value(latent, i * a.width + d, a.bf16), page_out[d]);
        }
        attention_merge(
            {&a.max[at], &a.sum[at], a.out + at * a.rank, &max, &sum, page_out, 1, a.rank});
      }
    }
}

}  // namespace deepseek::kernels::scalar
