// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/attention.h"
#include "ops/router.h"
#include "tensor/tensor.h"

namespace deepseek {

/// f and P of the balance loss, [spans, E] each, f64.
struct BalanceTerms {
  std::vector<double> f;  // E / (K T) * how often an expert was taken in the sequence
  std::vector<double> p;  // mean of its score over the sequence
};

/// Scores are softmax(logits), or sigmoid(logits) divided by their sum over all experts.
BalanceTerms balance_terms(const Tensor& logits, const Routing& routing,
                           std::span<const Span> spans, RouterScoring scoring);

/// Sequence-wise balance loss alpha * mean over sequences of sum_e f_e P_e -> [1]   (DeepSeekMoE,
/// Eq. 12-14; DeepSeek-V3, Eq. 17-20, counting the experts actually chosen). logits [T, E]; spans
/// cover all rows. f64 inside; gradient to the logits through P alone. 0 without spans.
Tensor balance_loss(const Tensor& logits, const Routing& routing, std::span<const Span> spans,
                    RouterScoring scoring, double alpha);

/// How many tokens each of `experts` took.
std::vector<int64_t> expert_counts(const Routing& routing, int64_t experts);

/// bias + speed * sign(mean count - count)   (DeepSeek-V3, 2.1.2). bias [E], counts [E] -> [E].
Tensor bias_update(const Tensor& bias, std::span<const int64_t> counts, double speed);

}  // namespace deepseek
