// SPDX-License-Identifier: Apache-2.0
#include "kernels/paged_attention.h"

#include <cmath>
#include <limits>

#include "kernels/attention_merge.h"
#include "kernels/scalar/exp.h"
#include "kernels/scalar/page.h"

namespace deepseek::kernels::scalar {
namespace {

/// Scores of one query over a page's first `visible` positions, as exp(score - max), zero past
/// them.
void page_weights(const PagedAttentionArgs& a, const float* q, const std::byte* keys,
                  int64_t visible, float* weights, float& max, float& sum) {
  for (int64_t i = 0; i < page_tokens; ++i) weights[i] = 0;
  for (int64_t d = 0; d < a.key_dim; ++d) {
    const float scaled = q[d] * a.scale;
    for (int64_t i = 0; i < visible; ++i)
      weights[i] = std::fma(scaled, page_value(keys, d * page_tokens + i, a.bf16), weights[i]);
  }
  max = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < visible; ++i) max = larger(max, weights[i]);
  float lanes[16] = {};
  for (int64_t i = 0; i < visible; ++i) {
    weights[i] = exp(weights[i] - max);
    lanes[i % 16] += weights[i];
  }
  sum = fold_lanes(lanes, add);
}

}  // namespace

void paged_attention(const PagedAttentionArgs& a) noexcept {
  float* weights = a.scratch;
  float* page_out = a.scratch + page_tokens;
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t h = 0; h < a.heads; ++h) {
      const int64_t at = r * a.heads + h;
      a.max[at] = 0;
      a.sum[at] = 0;
      for (int64_t page = a.page_begin; page < a.page_end; ++page) {
        const int64_t left = a.positions[r] + 1 - page * page_tokens;
        if (left <= 0) break;
        const int64_t visible = left < page_tokens ? left : page_tokens;
        float max, sum;
        page_weights(a, a.q + r * a.q_stride + h * a.key_dim, a.pages[page] + a.key_offset, visible,
                     weights, max, sum);
        for (int64_t d = 0; d < a.value_dim; ++d) page_out[d] = 0;
        const std::byte* values = a.pages[page] + a.value_offset;
        for (int64_t i = 0; i < visible; ++i)
          for (int64_t d = 0; d < a.value_dim; ++d)
            page_out[d] =
                std::fma(weights[i], page_value(values, i * a.value_dim + d, a.bf16), page_out[d]);
        attention_merge({&a.max[at], &a.sum[at], a.out + at * a.value_dim, &max, &sum, page_out, 1,
                         a.value_dim});
      }
    }
}

}  // namespace deepseek::kernels::scalar
