// SPDX-License-Identifier: Apache-2.0
#include "ops/norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/gradient_check.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

Values reference(const Values& x, const Values& weight, double eps) {
  Values out;
  const size_t dim = weight.size();
  for (size_t r = 0; r < x.size(); r += dim) {
    double squares = 0;
    for (size_t i = 0; i < dim; ++i) squares += x[r + i] * x[r + i];
    for (size_t i = 0; i < dim; ++i)
      out.push_back(x[r + i] / std::sqrt(squares / static_cast<double>(dim) + eps) * weight[i]);
  }
  return out;
}

TEST(RmsNorm, EqualsItsDefinition) {
  for (const int64_t dim : {1, 7, 16, 33})
    for (const double eps : {1e-6, 1e-1})
      expect_op(
          {random_tensor({2, 2, dim}, 1), random_tensor({dim}, 2)},
          [&](const auto& x) { return rms_norm(x[0], x[1], static_cast<float>(eps)); },
          [&](const auto& x) { return reference(x[0], x[1], eps); }, 3e-6);
}

TEST(RmsNorm, RefusesAWeightOfAnotherSize) {
  EXPECT_THROW(rms_norm(random_tensor({2, 4}, 1), random_tensor({3}, 2), 1e-6f), Error);
}

}  // namespace
}  // namespace deepseek
