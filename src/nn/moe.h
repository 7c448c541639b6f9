// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nn/mlp.h"
#include "nn/probe.h"
#include "ops/experts.h"
#include "ops/router.h"

namespace deepseek {

/// Fine-grained mixture of experts with shared experts (DeepSeekMoE, Eq. 9-11; DeepSeek-V3,
/// Eq. 12-16): y = shared(x) + sum over the chosen e of weight_e * expert_e(x).
class Moe {
 public:
  struct Config {
    int64_t hidden_size = 0;
    int64_t moe_intermediate_size = 0;
    int64_t n_shared_experts = 0;
    bool has_correction_bias = false;  // e_score_correction_bias, in the choice only
    RouterConfig router;
  };

  Moe() = default;
  /// Takes `<prefix>.gate.weight`, `.experts.<e>.*`, `.shared_experts.*`.
  Moe(ParamSource& source, const std::string& prefix, const Config& config);

  Tensor forward(const Tensor& x_td, int64_t layer, Probe* probe) const;
  void each_linear(const std::function<void(Linear&)>& visit);

 private:
  RouterConfig router_;
  Weight gate_;                     // [experts, hidden]
  Tensor e_score_correction_bias_;  // [experts], or undefined
  std::vector<ExpertWeights> experts_;
  Mlp shared_experts_;
  bool has_shared_experts_ = false;
};

}  // namespace deepseek
