// SPDX-License-Identifier: Apache-2.0
#include "ops/loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "ops/linear.h"
#include "ops/tape.h"
#include "tests/support/gradient_check.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

Values reference(const Values& logits, const std::vector<int64_t>& labels) {
  const size_t vocab = logits.size() / labels.size();
  double total = 0, count = 0;
  for (size_t r = 0; r < labels.size(); ++r) {
    if (labels[r] == ignored_label) continue;
    double sum = 0;
    for (size_t v = 0; v < vocab; ++v) sum += std::exp(logits[r * vocab + v]);
    total += std::log(sum) - logits[r * vocab + static_cast<size_t>(labels[r])];
    ++count;
  }
  return {total / count};
}

TEST(Loss, CrossEntropyEqualsItsDefinition) {
  for (const int64_t vocab : {1, 5, 16, 37}) {
    const std::vector<int64_t> labels{vocab - 1, ignored_label, 0, vocab / 2};
    expect_op(
        {random_tensor({4, vocab}, 1, 2)},
        [&](const auto& x) { return cross_entropy(x[0], labels); },
        [&](const auto& x) { return reference(x[0], labels); }, 1e-6);
  }
}

TEST(Loss, TheHeadInChunksEqualsTheDefinition) {
  const std::vector<int64_t> labels{2, ignored_label, 6, 0};
  expect_op(
      {random_tensor({4, 3}, 1), random_tensor({7, 3}, 2)},
      [&](const auto& x) { return head_cross_entropy(x[0], Weight::from_tensor(x[1]), labels); },
      [&](const auto& x) {
        Values logits;
        for (size_t r = 0; r < 4; ++r)
          for (size_t v = 0; v < 7; ++v) {
            double sum = 0;
            for (size_t d = 0; d < 3; ++d) sum += x[0][r * 3 + d] * x[1][v * 3 + d];
            logits.push_back(sum);
          }
        return reference(logits, labels);
      },
      1e-6);
}

TEST(Loss, ManyChunksEqualOneMatrix) {
  constexpr int64_t rows = 37, dim = 8, vocab = 100;
  const Tensor hidden = as_parameter(random_tensor({rows, dim}, 1));
  const Tensor head = as_parameter(random_tensor({vocab, dim}, 2));
  std::vector<int64_t> labels;
  labels.reserve(rows);
  for (int64_t r = 0; r < rows; ++r) labels.push_back(r % vocab);
  Tape tape;
  const Tensor loss = head_cross_entropy(hidden, Weight::from_tensor(head), labels, 10 * vocab);
  tape.backward(loss);
  Tape whole;
  const Tensor want = cross_entropy(linear(hidden, Weight::from_tensor(head)), labels);
  whole.backward(want);
  EXPECT_NEAR(loss.item(), want.item(), 1e-6 * want.item());
  for (const Tensor& x : {hidden, head}) {
    const auto values = whole.grad(x).values();
    testing::expect_close(tape.grad(x), {values.begin(), values.end()}, 1e-5, "gradient");
  }
}

TEST(Loss, WithoutLabelsItIsZero) {
  const std::vector<int64_t> labels{ignored_label, ignored_label};
  EXPECT_EQ(cross_entropy(random_tensor({2, 3}, 1), labels).item(), 0);
  EXPECT_EQ(cross_entropy(Tensor::empty({0, 3}), {}).item(), 0);
}

TEST(Loss, LogProbabilitiesAreInDoublePrecision) {
  const Tensor logits = Tensor::from({2, 2}, std::vector<float>{0, 0, 100, 0});
  const auto got = token_log_probs(logits, std::vector<int64_t>{1, 1});
  EXPECT_DOUBLE_EQ(got[0], std::log(0.5));
  EXPECT_DOUBLE_EQ(got[1], -100);
  EXPECT_TRUE(std::isnan(token_log_probs(logits, std::vector<int64_t>{ignored_label, 0})[0]));
}

TEST(Loss, RefusesLabelsOutsideTheVocabulary) {
  const Tensor logits = random_tensor({2, 3}, 1);
  EXPECT_THROW(cross_entropy(logits, std::vector<int64_t>{0, 3}), Error);
  EXPECT_THROW(cross_entropy(logits, std::vector<int64_t>{0, -1}), Error);
  EXPECT_THROW(cross_entropy(logits, std::vector<int64_t>{0}), Error);
}

}  // namespace
}  // namespace deepseek
