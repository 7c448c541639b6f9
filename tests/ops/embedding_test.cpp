// SPDX-License-Identifier: Apache-2.0
#include "ops/embedding.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/tape.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_weight.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

TEST(Embedding, TakesRowsAndAddsUpTheirGradients) {
  const std::vector<int32_t> ids{4, 0, 4};
  expect_op(
      {random_tensor({5, 3}, 1)},
      [&](const auto& x) { return embed(Weight::from_tensor(x[0]), ids); },
      [&](const auto& x) {
        Values out;
        for (const int32_t id : ids)
          for (size_t c = 0; c < 3; ++c) out.push_back(x[0][3 * static_cast<size_t>(id) + c]);
        return out;
      },
      1e-6);
}

TEST(Embedding, ReadsRowsOfEveryFormat) {
  const std::vector<int32_t> ids{7, 2};
  for (const Format format : test::linear_formats()) {
    const Weight table = test::random_weight(format, 9, 256, 1);
    const Tensor out = embed(table, ids);
    for (int64_t r = 0; r < 2; ++r) {
      std::vector<float> want(256);
      table.row(ids[static_cast<size_t>(r)], want.data());
      EXPECT_TRUE(std::equal(want.begin(), want.end(), out.data() + r * 256));
    }
  }
}

TEST(Embedding, RefusesIdsOutsideTheVocabulary) {
  const Weight table = Weight::from_tensor(random_tensor({5, 3}, 1));
  EXPECT_THROW(embed(table, std::vector<int32_t>{5}), Error);
  EXPECT_THROW(embed(table, std::vector<int32_t>{-1}), Error);
}

}  // namespace
}  // namespace deepseek
