// SPDX-License-Identifier: Apache-2.0
#include "ops/experts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/thread_pool.h"
#include "ops/tape.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_weight.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

constexpr int64_t dim = 3, width = 4, expert_count = 3;

/// Experts over inputs[2 …]: gate, up, down of each.
std::vector<ExpertWeights> weights_of(const std::vector<Tensor>& inputs) {
  std::vector<ExpertWeights> out;
  for (size_t i = 2; i + 2 < inputs.size(); i += 3)
    out.push_back({Weight::from_tensor(inputs[i]), Weight::from_tensor(inputs[i + 1]),
                   Weight::from_tensor(inputs[i + 2])});
  return out;
}

std::vector<Tensor> random_inputs(int64_t tokens, int64_t chosen) {
  std::vector<Tensor> inputs{random_tensor({tokens, dim}, 1), random_tensor({tokens, chosen}, 2)};
  for (uint64_t e = 0; e < expert_count; ++e)
    for (const Shape& shape : {Shape{width, dim}, Shape{width, dim}, Shape{dim, width}})
      inputs.push_back(random_tensor(shape, 10 * e + inputs.size()));
  return inputs;
}

double at(const Values& matrix, int64_t cols, int64_t row, int64_t col) {
  return matrix[static_cast<size_t>(row * cols + col)];
}

TEST(Experts, EqualTheDefinitionAndItsGradients) {
  const std::vector<int32_t> indices{0, 2, 1, 2, 0, 1, 0, 2};
  expect_op(
      random_inputs(4, 2),
      [&](const auto& x) {
        return experts(x[0], {2, indices, x[1]}, weights_of(x));
      },
      [&](const auto& x) {
        Values out(4 * dim);
        for (int64_t i = 0; i < 8; ++i) {
          const int64_t t = i / 2;
          const size_t e = 2 + 3 * static_cast<size_t>(indices[static_cast<size_t>(i)]);
          for (int64_t n = 0; n < width; ++n) {
            double gate = 0, up = 0;
            for (int64_t d = 0; d < dim; ++d) {
              gate += at(x[e], dim, n, d) * at(x[0], dim, t, d);
              up += at(x[e + 1], dim, n, d) * at(x[0], dim, t, d);
            }
            const double hidden = gate / (1 + std::exp(-gate)) * up;
            for (int64_t d = 0; d < dim; ++d)
              out[static_cast<size_t>(t * dim + d)] +=
                  x[1][static_cast<size_t>(i)] * at(x[e + 2], width, d, n) * hidden;
          }
        }
        return out;
      },
      2e-6);
}

TEST(Experts, AnExpertWithoutRowsGetsAZeroGradient) {
  std::vector<Tensor> inputs;
  for (const Tensor& x : random_inputs(2, 1)) inputs.push_back(as_parameter(x));
  Tape tape;
  const Tensor out = experts(inputs[0], {1, {0, 2}, inputs[1]}, weights_of(inputs));
  tape.backward(record(Tensor::full({1}, 0), {out}, [out](const Tensor&) -> Gradients {
    return {Tensor::full(out.shape(), 1)};
  }));
  EXPECT_TRUE(tape.grad(inputs[2]).defined());
  for (const float v : tape.grad(inputs[5]).values()) EXPECT_EQ(v, 0);
  EXPECT_TRUE(tape.grad(inputs[8]).defined());
}

TEST(Experts, ATokensBitsDependOnNothingElse) {
  constexpr int64_t hidden = 256, wide = 512, tokens = 21;
  for (const Format format : test::linear_formats()) {
    std::vector<ExpertWeights> weights;
    weights.reserve(4);
    for (uint64_t e = 0; e < 4; ++e)
      weights.push_back({test::random_weight(format, wide, hidden, 3 * e + 1).packed(),
                         test::random_weight(format, wide, hidden, 3 * e + 2).packed(),
                         test::random_weight(format, hidden, wide, 3 * e + 3).packed()});
    const Tensor x = random_tensor({tokens, hidden}, 1);
    Routing routing{2, {}, random_tensor({tokens, 2}, 2)};
    for (int32_t t = 0; t < tokens; ++t) {
      routing.indices.push_back(t % 3);
      routing.indices.push_back(t % 3 + 1);
    }
    const Tensor all = experts(x, routing, weights);
    for (const int64_t t : {0, 7, 20}) {
      const Routing own{2,
                        {routing.indices.begin() + 2 * t, routing.indices.begin() + 2 * t + 2},
                        routing.weights.slice(t, t + 1)};
      const Tensor alone = experts(x.slice(t, t + 1), own, weights);
      EXPECT_EQ(std::memcmp(alone.data(), all.data() + t * hidden, hidden * sizeof(float)), 0)
          << "token " << t;
    }
    const Tape tape;
    const Tensor recorded = experts(x, routing, weights);
    EXPECT_EQ(std::memcmp(recorded.data(), all.data(), static_cast<size_t>(all.size_bytes())), 0);
  }
}

TEST(Experts, RefusesWhatDoesNotFit) {
  const std::vector<Tensor> inputs = random_inputs(2, 1);
  const auto weights = weights_of(inputs);
  EXPECT_THROW(experts(inputs[0], {1, {0, 3}, inputs[1]}, weights), Error);
  EXPECT_THROW(experts(random_tensor({2, 5}, 1), {1, {0, 1}, inputs[1]}, weights), Error);
  EXPECT_THROW(experts(random_tensor({3, dim}, 1), {1, {0, 1}, inputs[1]}, weights), Error);
  EXPECT_THROW(experts(inputs[0], {1, {0, 1}, inputs[1]}, {}), Error);
}

}  // namespace
}  // namespace deepseek
