// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

#include <cmath>

#include "kernels/swiglu.h"
#include "ops/rows.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

Tensor column_sums(const Tensor& x) {
  const int64_t n = x.dim(-1);
  const Tensor out = Tensor::zeros({n});
  float* sum = out.data();
  for (int64_t r = 0; r < x.rows(); ++r) {
    const float* row = x.data() + r * n;
    for (int64_t i = 0; i < n; ++i) sum[i] += row[i];
  }
  return out;
}

Gradients swiglu_backward(const Tensor& d_out, const Tensor& gate, const Tensor& up) {
  const Tensor d_gate = Tensor::empty_like(gate), d_up = Tensor::empty_like(up);
  const float *z = gate.data(), *u = up.data(), *d = d_out.data();
  float *dz = d_gate.data(), *du = d_up.data();
  for_rows(gate.numel(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float sigmoid = 1.0f / (1.0f + std::exp(-z[i]));
      du[i] = d[i] * z[i] * sigmoid;
      dz[i] = d[i] * u[i] * sigmoid * (1.0f + z[i] * (1.0f - sigmoid));
    }
  });
  return {d_gate, d_up};
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  require_same_shape("add", "b", b, a);
  const Tensor out = Tensor::empty_like(a);
  const float *x = a.data(), *y = b.data();
  float* sum = out.data();
  for_rows(a.numel(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum[i] = x[i] + y[i];
  });
  return record(out, {a, b}, [](const Tensor& d_out) -> Gradients { return {d_out, d_out}; });
}

Tensor scale(const Tensor& x, float factor) {
  const Tensor out = Tensor::empty_like(x);
  const float* in = x.data();
  float* product = out.data();
  for_rows(x.numel(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) product[i] = in[i] * factor;
  });
  return record(out, {x},
                [factor](const Tensor& d_out) -> Gradients { return {scale(d_out, factor)}; });
}

Tensor add_bias(const Tensor& x, const Tensor& bias) {
  const int64_t n = x.dim(-1);
  require_shape("add_bias", "bias", bias, {n});
  const Tensor out = Tensor::empty_like(x);
  for_rows(x.rows(), n, [&](int64_t begin, int64_t end) {
    const float* b = bias.data();
    for (int64_t r = begin; r < end; ++r) {
      const float* in = x.data() + r * n;
      float* sum = out.data() + r * n;
      for (int64_t i = 0; i < n; ++i) sum[i] = in[i] + b[i];
    }
  });
  return record(out, {x, bias}, [](const Tensor& d_out) -> Gradients {
    return {d_out, column_sums(d_out)};
  });
}

Tensor swiglu(const Tensor& gate, const Tensor& up) {
  require_same_shape("swiglu", "up", up, gate);
  const Tensor out = Tensor::empty_like(gate);
  const auto& kernel = kernels::swiglu_f32.best();
  const float *z = gate.data(), *u = up.data();
  float* product = out.data();
  for_rows(gate.numel(), 8, [&](int64_t begin, int64_t end) {
    kernel.run({z + begin, u + begin, product + begin, end - begin});
  });
  return record(out, {gate, up}, [gate, up](const Tensor& d_out) -> Gradients {
    return swiglu_backward(d_out, gate, up);
  });
}

}  // namespace deepseek
