// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "nn/probe.h"

namespace deepseek {

/// MaxVio: the load of the busiest expert over the mean load, less 1; 0 when all are used alike
/// (Wang et al., 2024, arXiv 2408.15664). 0 when nothing was counted.
double max_violation(std::span<const int64_t> loads);

/// How evenly the experts of each layer are used: counts the router's choices over a window of
/// tokens, then begins anew. It only looks, so what the model computes stays the same.
class ExpertLoad : public Probe {
 public:
  /// A window has tokens for so many choices of each expert, were all used alike. With fewer,
  /// chance alone would look like imbalance.
  static constexpr int64_t choices_per_expert = 256;

  struct Layer {
    int64_t layer = 0;
    double max_violation = 0;
  };

  explicit ExpertLoad(const ModelConfig& config);

  int64_t window_tokens() const { return window_tokens_; }
  /// Between steps: the layers that have experts, once their window is full; empty until then.
  std::vector<Layer> take_window();

  void embedded(const Tensor& hidden_td) override { tokens_ += hidden_td.dim(0); }
  void attended(int64_t /*layer*/, const Tensor& /*out_td*/) override {}
  void routed(int64_t layer, const Tensor& x_td, const Tensor& logits,
              const Routing& routing) override;
  void layer_done(int64_t /*layer*/, const Tensor& /*hidden_td*/) override {}

 private:
  int64_t window_tokens_;
  int64_t tokens_ = 0;
  std::vector<std::vector<int64_t>> loads_;  // [layers][experts]; dense layers have none
};

}  // namespace deepseek
