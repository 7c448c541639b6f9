// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/random.h"
#include "ops/tape.h"

namespace deepseek::testing {
namespace {

Values values_of(const Tensor& x) { return {x.values().begin(), x.values().end()}; }

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// sum(x * weights) as a recorded loss.
Tensor weighted_sum(const Tensor& x, const Tensor& weights) {
  return record(Tensor::full({1}, static_cast<float>(dot(values_of(x), values_of(weights)))), {x},
                [weights](const Tensor& d) -> Gradients {
                  EXPECT_EQ(d.item(), 1);
                  return {weights};
                });
}

}  // namespace

Tensor random_tensor(const Shape& shape, uint64_t seed, double spread) {
  const Tensor out = Tensor::empty(shape);
  const CounterRandom random(seed, 0);
  for (int64_t i = 0; i < out.numel(); ++i)
    out.data()[i] = static_cast<float>(spread * random.normal(static_cast<uint64_t>(i)));
  return out;
}

void expect_close(const Tensor& got, const Values& want, double tolerance, const char* what) {
  ASSERT_EQ(got.numel(), static_cast<int64_t>(want.size())) << what;
  double largest = 0;
  for (const double v : want) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got.data()[i], want[i], tolerance * largest + 1e-12) << what << " [" << i << "]";
}

void expect_op(const std::vector<Tensor>& inputs,
               const std::function<Tensor(const std::vector<Tensor>&)>& op,
               const std::function<Values(const std::vector<Values>&)>& reference,
               double tolerance) {
  std::vector<Tensor> parameters;
  std::vector<Values> values;
  for (const Tensor& input : inputs) {
    parameters.push_back(as_parameter(input));
    values.push_back(values_of(input));
  }
  Tape tape;
  const Tensor out = op(parameters);
  expect_close(out, reference(values), tolerance, "result");
  const Tensor weights = random_tensor(out.shape(), 977);
  tape.backward(weighted_sum(out, weights));
  const Values mix = values_of(weights);
  constexpr double step = 1e-5;
  for (size_t n = 0; n < inputs.size(); ++n) {
    Values numeric;
    for (double& x : values[n]) {
      const double kept = x;
      x = kept + step;
      const double above = dot(reference(values), mix);
      x = kept - step;
      const double below = dot(reference(values), mix);
      x = kept;
      numeric.push_back((above - below) / (2 * step));
    }
    const std::string what = "gradient of input " + std::to_string(n);
    ASSERT_TRUE(tape.grad(parameters[n]).defined()) << what;
    expect_close(tape.grad(parameters[n]), numeric, tolerance, what.c_str());
  }
}

}  // namespace deepseek::testing
