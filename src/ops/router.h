// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace deepseek {

enum class RouterScoring { softmax, sigmoid };
enum class RouterMethod { greedy, group_limited_greedy, noaux_tc };

/// Names as published; see route().
struct RouterConfig {
  int64_t n_routed_experts = 0;
  int64_t num_experts_per_tok = 0;
  int64_t n_group = 1;
  int64_t topk_group = 1;
  RouterScoring scoring = RouterScoring::softmax;
  RouterMethod topk_method = RouterMethod::greedy;
  bool norm_topk_prob = false;
  double routed_scaling_factor = 1;

  /// Throws invalid_input, naming the field, when the numbers do not fit together.
  void validate() const;
};

/// The experts of T tokens, num_experts_per_tok each.
struct Routing {
  int64_t experts_per_token = 0;
  std::vector<int32_t> indices;  // [T * K], ascending within a token
  Tensor weights;                // [T, K] in the same order

  int64_t tokens() const { return weights.defined() ? weights.dim(0) : 0; }
};

/// Chooses experts from router logits [T, E] (f32 matmul upstream).
///  * scores: softmax over all experts, or sigmoid.
///  * greedy: the K best scores. group_limited_greedy (DeepSeek-V2, 2.2.2): only experts of the
///    topk_group groups with the best maximum. noaux_tc (DeepSeek-V3, 2.1.2): choice by
///    score + bias; a group counts the sum of its two best; the others are out (-inf). Ties go to
///    the lower index.
///  * weights: the scores without bias. softmax: divided by their sum + 1e-20 when norm_topk_prob
///    and K > 1, else multiplied by routed_scaling_factor, as DeepSeek-V2's own code. sigmoid:
///    normalised in the same way, and always multiplied.
/// `bias` [E] or undefined. Weights carry gradients to the logits; the choice and bias do not.
Routing route(const Tensor& logits, const Tensor& bias, const RouterConfig& config);

}  // namespace deepseek
