// SPDX-License-Identifier: Apache-2.0
#include "ops/router.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "ops/rows.h"
#include "ops/scores.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

constexpr double normaliser_floor = 1e-20;
constexpr float excluded = -std::numeric_limits<float>::infinity();

/// Indices of the `count` largest values, ties to the lower index, NaN last, ascending.
std::vector<int32_t> best_indices(const std::vector<float>& values, int64_t count) {
  std::vector<int32_t> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  const auto value = [&](int32_t i) {
    const float v = values[static_cast<size_t>(i)];
    return std::isnan(v) ? excluded : v;
  };
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int32_t a, int32_t b) {
    return value(a) > value(b) || (value(a) == value(b) && a < b);
  });
  order.resize(static_cast<size_t>(count));
  std::ranges::sort(order);
  return order;
}

float group_score(std::span<const float> group, RouterMethod method) {
  float best = excluded, second = excluded;
  for (const float score : group) {
    if (score > best) {
      second = best;
      best = score;
    } else if (score > second) {
      second = score;
    }
  }
  if (method == RouterMethod::group_limited_greedy || group.size() < 2) return best;
  return best + second;
}

/// Sets the scores of all but the best topk_group groups to -inf.
void exclude_groups(std::vector<float>& choice, const RouterConfig& config) {
  const size_t size = choice.size() / static_cast<size_t>(config.n_group);
  std::vector<float> scores;
  for (size_t g = 0; g < choice.size(); g += size)
    scores.push_back(group_score({choice.data() + g, size}, config.topk_method));
  const std::vector<int32_t> kept = best_indices(scores, config.topk_group);
  for (size_t i = 0; i < choice.size(); ++i)
    if (!std::ranges::binary_search(kept, static_cast<int32_t>(i / size))) choice[i] = excluded;
}

struct Factors {
  bool normalise;
  double scale;
};

Factors weight_factors(const RouterConfig& config) {
  const bool normalise = config.norm_topk_prob && config.num_experts_per_tok > 1;
  const bool scaled = config.scoring == RouterScoring::sigmoid || !normalise;
  return {normalise, scaled ? config.routed_scaling_factor : 1.0};
}

/// With s the chosen scores and S their sum + 1e-20, w = scale * s / S, so
/// d_s = scale * (d_w - sum(d_w * s) / S) / S.
Gradients route_backward(const Tensor& d_weights, const Tensor& scores, const Routing& routing,
                         const RouterConfig& config) {
  const int64_t experts = config.n_routed_experts, chosen = config.num_experts_per_tok;
  const Factors factors = weight_factors(config);
  const Tensor d_scores = Tensor::zeros(scores.shape());
  for (int64_t t = 0; t < scores.dim(0); ++t) {
    const float* s = scores.data() + t * experts;
    const float* d_w = d_weights.data() + t * chosen;
    const int32_t* index = routing.indices.data() + t * chosen;
    double sum = normaliser_floor, dot = 0;
    for (int64_t k = 0; k < chosen; ++k) {
      sum += s[index[k]];
      dot += double{d_w[k]} * s[index[k]];
    }
    for (int64_t k = 0; k < chosen; ++k)
      d_scores.data()[t * experts + index[k]] = static_cast<float>(
          factors.normalise ? factors.scale * (d_w[k] - dot / sum) / sum : factors.scale * d_w[k]);
  }
  return {scores_backward(d_scores, scores, config.scoring)};
}

}  // namespace

void RouterConfig::validate() const {
  if (n_routed_experts < 1)
    fail(ErrorKind::invalid_input, "n_routed_experts: expected at least 1, got ", n_routed_experts);
  if (num_experts_per_tok < 1 || num_experts_per_tok > n_routed_experts)
    fail(ErrorKind::invalid_input, "num_experts_per_tok: expected 1 to ", n_routed_experts,
         ", got ", num_experts_per_tok);
  if (topk_method == RouterMethod::greedy) return;
  if (n_group < 1 || n_routed_experts % n_group != 0)
    fail(ErrorKind::invalid_input, "n_group: expected a divisor of ", n_routed_experts, ", got ",
         n_group);
  if (topk_group < 1 || topk_group > n_group)
    fail(ErrorKind::invalid_input, "topk_group: expected 1 to ", n_group, ", got ", topk_group);
  if (topk_group * (n_routed_experts / n_group) < num_experts_per_tok)
    fail(ErrorKind::invalid_input, "topk_group: expected groups with at least ",
         num_experts_per_tok, " experts together, got ", topk_group * (n_routed_experts / n_group));
}

Routing route(const Tensor& logits, const Tensor& bias, const RouterConfig& config) {
  config.validate();
  const int64_t experts = config.n_routed_experts, chosen = config.num_experts_per_tok;
  require_rank("route", "logits", logits, 2);
  require_shape("route", "logits", logits, {logits.dim(0), experts});
  if (bias.defined()) require_shape("route", "bias", bias, {experts});
  const int64_t tokens = logits.dim(0);
  const Tensor scores = router_scores(logits, config.scoring);
  const Factors factors = weight_factors(config);

  Routing routing;
  routing.experts_per_token = chosen;
  routing.indices.resize(static_cast<size_t>(tokens * chosen));
  routing.weights = Tensor::empty({tokens, chosen});
  for_rows(tokens, 16 * experts, [&](int64_t begin, int64_t end) {
    std::vector<float> choice(static_cast<size_t>(experts));
    for (int64_t t = begin; t < end; ++t) {
      const float* s = scores.data() + t * experts;
      for (int64_t e = 0; e < experts; ++e)
        choice[static_cast<size_t>(e)] = bias.defined() ? s[e] + bias.data()[e] : s[e];
      if (config.topk_method != RouterMethod::greedy && config.n_group > 1)
        exclude_groups(choice, config);
      const std::vector<int32_t> best = best_indices(choice, chosen);
      std::ranges::copy(best, routing.indices.begin() + t * chosen);
      double sum = normaliser_floor;
      for (const int32_t e : best) sum += s[e];
      for (int64_t k = 0; k < chosen; ++k) {
        const double score = s[best[static_cast<size_t>(k)]];
        routing.weights.data()[t * chosen + k] =
            static_cast<float>((factors.normalise ? score / sum : score) * factors.scale);
      }
    }
  });
  if (is_recording({&logits}))
    routing.weights = record(routing.weights, {logits},
                             [scores, routing, config](const Tensor& d_weights) -> Gradients {
                               return route_backward(d_weights, scores, routing, config);
                             });
  return routing;
}

}  // namespace deepseek
