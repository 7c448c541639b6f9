// SPDX-License-Identifier: Apache-2.0
#include "ops/shape.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "ops/elementwise.h"
#include "tests/support/gradient_check.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

TEST(Shape, SplitAndConcatAreInverse) {
  const auto same = [](const std::vector<Values>& x) { return x[0]; };
  expect_op(
      {random_tensor({2, 3, 6}, 1)},
      [](const auto& x) {
        return concat_last(split_last(x[0], {1, 3, 2}));
      },
      same, 1e-6);
  expect_op(
      {random_tensor({5, 2}, 1)},
      [](const auto& x) {
        const std::vector<Tensor> parts{slice_rows(x[0], 0, 2), slice_rows(x[0], 2, 5)};
        return concat_rows(parts);
      },
      same, 1e-6);
}

TEST(Shape, PartsOfASplitHaveTheirOwnGradients) {
  expect_op(
      {random_tensor({2, 5}, 1)},
      [](const auto& x) {
        const auto parts = split_last(x[0], {2, 2, 1});
        return swiglu(parts[0], parts[1]);
      },
      [](const auto& x) {
        Values out;
        for (const size_t i : {0, 1, 5, 6})
          out.push_back(x[0][i] / (1 + std::exp(-x[0][i])) * x[0][i + 2]);
        return out;
      },
      1e-6);
}

TEST(Shape, ReshapeKeepsElementsAndGradients) {
  expect_op(
      {random_tensor({2, 6}, 1)},
      [](const auto& x) {
        return reshape(x[0], {3, -1});
      },
      [](const auto& x) { return x[0]; }, 1e-6);
}

TEST(Shape, GatheredRowsAddUpTheirGradients) {
  const std::vector<int64_t> indices{2, 0, 2, 2};
  expect_op(
      {random_tensor({3, 2}, 1)}, [&](const auto& x) { return gather_rows(x[0], indices); },
      [&](const auto& x) {
        Values out;
        for (const int64_t i : indices)
          for (int64_t c = 0; c < 2; ++c) out.push_back(x[0][static_cast<size_t>(2 * i + c)]);
        return out;
      },
      1e-6);
}

TEST(Shape, RefusesWhatDoesNotFit) {
  const Tensor x = random_tensor({3, 4}, 1);
  EXPECT_THROW(split_last(x, {2, 3}), Error);
  EXPECT_THROW(gather_rows(x, std::vector<int64_t>{3}), Error);
  EXPECT_THROW(gather_rows(x, std::vector<int64_t>{-1}), Error);
  EXPECT_THROW(slice_rows(x, 2, 4), Error);
  EXPECT_THROW(concat_last(std::vector{x, random_tensor({2, 4}, 1)}), Error);
  EXPECT_THROW(concat_rows(std::vector{x, random_tensor({3, 3}, 1)}), Error);
}

}  // namespace
}  // namespace deepseek
