// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/weight.h"
#include "tensor/tensor.h"

namespace deepseek {

/// A label that is left out of the loss.
inline constexpr int64_t ignored_label = -100;

/// Mean of -log softmax(logits)[label] over the rows whose label is not -100: logits [N, V],
/// labels [N] -> [1]. 0 when all are left out. Sums run in f64. Throws invalid_input for a label
/// outside the vocabulary.
Tensor cross_entropy(const Tensor& logits, std::span<const int64_t> labels);

/// cross_entropy(linear(hidden, head), labels) without ever holding [T, V]: logits are made chunk
/// by chunk of at most `logits_per_chunk`, and again in backward. hidden [T, d], head [V, d].
Tensor head_cross_entropy(const Tensor& hidden, const Weight& head, std::span<const int64_t> labels,
                          int64_t logits_per_chunk = int64_t{1} << 24);

/// log softmax(logits)[label] of each row, f64, NaN where the label is -100; for perplexities and
/// log-probabilities. Not recorded.
std::vector<double> token_log_probs(const Tensor& logits, std::span<const int64_t> labels);

}  // namespace deepseek
