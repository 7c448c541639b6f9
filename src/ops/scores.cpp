// SPDX-License-Identifier: Apache-2.0
#include "ops/scores.h"

#include <cmath>
#include <vector>

#include "kernels/exp_rows.h"
#include "kernels/log_sum_exp.h"
#include "ops/rows.h"

namespace deepseek {

Tensor softmax_rows(const Tensor& x) {
  const int64_t dim = x.dim(-1);
  const Tensor out = Tensor::empty_like(x);
  const auto& reduce = kernels::log_sum_exp_f32.best();
  const auto& exp = kernels::exp_rows_f32.best();
  for_rows(x.rows(), 16 * dim, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float max;
      double sum;
      reduce.run({x.data() + r * dim, &max, &sum, 1, dim});
      const float factor = static_cast<float>(1 / sum);
      exp.run({x.data() + r * dim, &max, &factor, out.data() + r * dim, 1, dim});
    }
  });
  return out;
}

Tensor router_scores(const Tensor& logits, RouterScoring scoring) {
  if (scoring == RouterScoring::softmax) return softmax_rows(logits);
  const Tensor out = Tensor::empty_like(logits);
  const float* x = logits.data();
  float* s = out.data();
  for (int64_t i = 0; i < logits.numel(); ++i)
    s[i] = static_cast<float>(1 / (1 + std::exp(-double{x[i]})));
  return out;
}

Tensor scores_backward(const Tensor& d_scores, const Tensor& scores, RouterScoring scoring) {
  const int64_t dim = scores.dim(-1);
  const Tensor out = Tensor::empty_like(scores);
  for (int64_t r = 0; r < scores.rows(); ++r) {
    const float *s = scores.data() + r * dim, *d = d_scores.data() + r * dim;
    float* d_x = out.data() + r * dim;
    if (scoring == RouterScoring::sigmoid) {
      for (int64_t i = 0; i < dim; ++i) d_x[i] = d[i] * s[i] * (1 - s[i]);
      continue;
    }
    double dot = 0;
    for (int64_t i = 0; i < dim; ++i) dot += double{d[i]} * s[i];
    for (int64_t i = 0; i < dim; ++i) d_x[i] = static_cast<float>(s[i] * (d[i] - dot));
  }
  return out;
}

}  // namespace deepseek
