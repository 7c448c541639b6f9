// SPDX-License-Identifier: Apache-2.0
#include "ops/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "tests/support/gradient_check.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

struct Dims {
  int64_t heads, kv_heads, key_dim, value_dim;
};

/// Causal softmax attention inside each span, in f64.
Values reference(const std::vector<Values>& inputs, const Dims& dims,
                 const std::vector<Span>& spans, double scale) {
  const Values &q = inputs[0], &k = inputs[1], &v = inputs[2];
  const int64_t rows = static_cast<int64_t>(q.size()) / (dims.heads * dims.key_dim);
  Values out(static_cast<size_t>(rows * dims.heads * dims.value_dim));
  for (const Span& span : spans)
    for (int64_t i = span.first_row; i < span.first_row + span.length; ++i)
      for (int64_t h = 0; h < dims.heads; ++h) {
        const int64_t g = h / (dims.heads / dims.kv_heads);
        Values p;
        double sum = 0;
        for (int64_t j = span.first_row; j <= i; ++j) {
          double score = 0;
          for (int64_t d = 0; d < dims.key_dim; ++d)
            score += q[static_cast<size_t>((i * dims.heads + h) * dims.key_dim + d)] *
                     k[static_cast<size_t>((j * dims.kv_heads + g) * dims.key_dim + d)];
          p.push_back(std::exp(score * scale));
          sum += p.back();
        }
        for (int64_t j = span.first_row; j <= i; ++j)
          for (int64_t d = 0; d < dims.value_dim; ++d)
            out[static_cast<size_t>((i * dims.heads + h) * dims.value_dim + d)] +=
                p[static_cast<size_t>(j - span.first_row)] / sum *
                v[static_cast<size_t>((j * dims.kv_heads + g) * dims.value_dim + d)];
      }
  return out;
}

void check(const Dims& dims, const std::vector<Span>& spans, float scale) {
  const int64_t rows = spans.back().first_row + spans.back().length;
  expect_op(
      {random_tensor({rows, dims.heads, dims.key_dim}, 1),
       random_tensor({rows, dims.kv_heads, dims.key_dim}, 2),
       random_tensor({rows, dims.kv_heads, dims.value_dim}, 3)},
      [&](const std::vector<Tensor>& x) { return attend(x[0], x[1], x[2], spans, scale); },
      [&](const std::vector<Values>& x) { return reference(x, dims, spans, scale); }, 3e-6);
}

TEST(Attention, EqualsTheDefinitionAndItsGradients) {
  check({2, 2, 4, 4}, {{0, 5}}, 0.5f);
  check({4, 2, 6, 6}, {{0, 3}, {3, 4}}, 0.4f);   // grouped queries, two sequences
  check({3, 1, 8, 5}, {{0, 1}, {1, 6}}, 0.35f);  // one kv head, values narrower than keys
}

TEST(Attention, EqualsTheDefinitionAcrossPages) {
  const Dims dims{3, 1, 4, 2};
  const std::vector<Span> spans{{0, 70}, {70, 131}};
  const Tensor q = random_tensor({201, 3, 4}, 1), k = random_tensor({201, 1, 4}, 2),
               v = random_tensor({201, 1, 2}, 3);
  const auto values = [](const Tensor& x) { return Values(x.values().begin(), x.values().end()); };
  testing::expect_close(attend(q, k, v, spans, 0.5f),
                        reference({values(q), values(k), values(v)}, dims, spans, 0.5), 3e-6,
                        "result");
}

TEST(Attention, RefusesShapesAndSpansThatDoNotFit) {
  const Tensor q = random_tensor({4, 4, 8}, 1), k = random_tensor({4, 2, 8}, 2);
  const std::vector<Span> all{{0, 4}}, short_by_one{{0, 3}}, overlapping{{0, 3}, {2, 2}};
  EXPECT_THROW(attend(q, random_tensor({4, 2, 7}, 3), k, all, 1), Error);
  EXPECT_THROW(attend(q, random_tensor({4, 3, 8}, 3), random_tensor({4, 3, 8}, 3), all, 1), Error);
  EXPECT_THROW(attend(q, k, k, short_by_one, 1), Error);
  EXPECT_THROW(attend(q, k, k, overlapping, 1), Error);
}

}  // namespace
}  // namespace deepseek
