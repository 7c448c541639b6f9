// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler/expert_load.h"

#include <algorithm>
#include <numeric>

namespace deepseek {

double max_violation(std::span<const int64_t> loads) {
  const auto total = std::accumulate(loads.begin(), loads.end(), int64_t{0});
  if (total == 0) return 0;
  const double mean = static_cast<double>(total) / static_cast<double>(loads.size());
  return static_cast<double>(*std::max_element(loads.begin(), loads.end())) / mean - 1;
}

ExpertLoad::ExpertLoad(const ModelConfig& config)
    : window_tokens_(
          (choices_per_expert * config.n_routed_experts + config.num_experts_per_tok - 1) /
          config.num_experts_per_tok),
      loads_(static_cast<size_t>(config.num_hidden_layers)) {
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
    if (config.is_moe_layer(layer))
      loads_[static_cast<size_t>(layer)].resize(static_cast<size_t>(config.n_routed_experts));
}

std::vector<ExpertLoad::Layer> ExpertLoad::take_window() {
  std::vector<Layer> layers;
  if (tokens_ < window_tokens_) return layers;
  tokens_ = 0;
  for (size_t layer = 0; layer < loads_.size(); ++layer) {
    if (loads_[layer].empty()) continue;
    layers.push_back({static_cast<int64_t>(layer), max_violation(loads_[layer])});
    std::ranges::fill(loads_[layer], 0);
  }
  return layers;
}

void ExpertLoad::routed(int64_t layer, const Tensor& /*x_td*/, const Tensor& /*logits*/,
                        const Routing& routing) {
  std::vector<int64_t>& loads = loads_[static_cast<size_t>(layer)];
  for (const int32_t expert : routing.indices) ++loads[static_cast<size_t>(expert)];
}

}  // namespace deepseek
