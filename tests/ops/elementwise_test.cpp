// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/gradient_check.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

TEST(Elementwise, AddAndScaleEqualTheirDefinitions) {
  expect_op(
      {random_tensor({3, 5}, 1), random_tensor({3, 5}, 2)},
      [](const auto& x) { return add(scale(x[0], -1.5f), x[1]); },
      [](const auto& x) {
        Values out;
        for (size_t i = 0; i < x[0].size(); ++i) out.push_back(-1.5 * x[0][i] + x[1][i]);
        return out;
      },
      1e-6);
}

TEST(Elementwise, ABiasIsAddedToEveryRow) {
  expect_op(
      {random_tensor({2, 3, 4}, 1), random_tensor({4}, 2)},
      [](const auto& x) { return add_bias(x[0], x[1]); },
      [](const auto& x) {
        Values out;
        for (size_t i = 0; i < x[0].size(); ++i) out.push_back(x[0][i] + x[1][i % 4]);
        return out;
      },
      1e-6);
}

TEST(Elementwise, SwigluEqualsItsDefinition) {
  expect_op(
      {random_tensor({4, 7}, 1, 4), random_tensor({4, 7}, 2)},
      [](const auto& x) { return swiglu(x[0], x[1]); },
      [](const auto& x) {
        Values out;
        for (size_t i = 0; i < x[0].size(); ++i)
          out.push_back(x[0][i] / (1 + std::exp(-x[0][i])) * x[1][i]);
        return out;
      },
      1e-6);
}

TEST(Elementwise, SwigluOfLargeGatesStaysFinite) {
  const Tensor gate = Tensor::from({4}, std::vector<float>{-200, 200, -88, 88});
  const Tensor out = swiglu(gate, Tensor::full({4}, 1));
  EXPECT_EQ(out.data()[0], 0);
  EXPECT_EQ(out.data()[1], 200);
  EXPECT_NEAR(out.data()[2], 0, 1e-30);
  EXPECT_EQ(out.data()[3], 88);
}

TEST(Elementwise, RefusesShapesThatDiffer) {
  EXPECT_THROW(add(random_tensor({2, 3}, 1), random_tensor({3, 2}, 1)), Error);
  EXPECT_THROW(swiglu(random_tensor({2, 3}, 1), random_tensor({6}, 1)), Error);
  EXPECT_THROW(add_bias(random_tensor({2, 3}, 1), random_tensor({2}, 1)), Error);
}

}  // namespace
}  // namespace deepseek
