// SPDX-License-Identifier: Apache-2.0
#include "ops/norm.h"

#include <cmath>

#include "kernels/rms_norm.h"
#include "ops/rows.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

/// With n = x / rms and g = d_out * weight: d_x = (g - n * mean(g * n)) / rms,
/// d_weight = sum over rows of d_out * n.
Gradients rms_norm_backward(const Tensor& d_out, const Tensor& x, const Tensor& weight, float eps) {
  const int64_t dim = x.dim(-1), rows = x.rows();
  const Tensor d_x = Tensor::empty_like(x);
  std::vector<double> inverse(static_cast<size_t>(rows));
  const float* w = weight.data();
  for_rows(rows, 4 * dim, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float *v = x.data() + r * dim, *d = d_out.data() + r * dim;
      float* out = d_x.data() + r * dim;
      double squares = 0, dot = 0;
      for (int64_t i = 0; i < dim; ++i) {
        squares += double{v[i]} * v[i];
        dot += double{d[i]} * w[i] * v[i];
      }
      const double inv = 1 / std::sqrt(squares / static_cast<double>(dim) + eps);
      const double pull = dot * inv * inv / static_cast<double>(dim);
      inverse[static_cast<size_t>(r)] = inv;
      for (int64_t i = 0; i < dim; ++i)
        out[i] = static_cast<float>((double{d[i]} * w[i] - v[i] * pull) * inv);
    }
  });
  std::vector<double> sums(static_cast<size_t>(dim));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < dim; ++i)
      sums[static_cast<size_t>(i)] += double{d_out.data()[r * dim + i]} * x.data()[r * dim + i] *
                                      inverse[static_cast<size_t>(r)];
  const Tensor d_weight = Tensor::empty({dim});
  for (int64_t i = 0; i < dim; ++i)
    d_weight.data()[i] = static_cast<float>(sums[static_cast<size_t>(i)]);
  return {d_x, d_weight};
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps) {
  const int64_t dim = x.dim(-1);
  require_shape("rms_norm", "weight", weight, {dim});
  const Tensor out = Tensor::empty_like(x);
  const auto& kernel = kernels::rms_norm_f32.best();
  for_rows(x.rows(), dim, [&](int64_t begin, int64_t end) {
    kernel.run(
        {x.data() + begin * dim, weight.data(), out.data() + begin * dim, end - begin, dim, eps});
  });
  return record(out, {x, weight}, [x, weight, eps](const Tensor& d_out) -> Gradients {
    return rms_norm_backward(d_out, x, weight, eps);
  });
}

}  // namespace deepseek
