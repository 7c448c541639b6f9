// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "model/config.h"
#include "nn/attention.h"
#include "nn/mlp.h"
#include "nn/moe.h"
#include "nn/norm.h"
#include "ops/rope.h"

namespace deepseek {

/// Which forms of MLA's up-projection a model keeps: `expanded` for passes without a cache,
/// `absorbed` for those with one.
struct PassOptions {
  bool expanded = true;
  bool absorbed = true;
};

/// Pre-norm decoder layer: h += attention(norm(h)); h += mlp or moe(norm(h)).
class DecoderLayer {
 public:
  /// Takes `<prefix>.*`. `layer` decides between dense and expert feed-forward.
  DecoderLayer(ParamSource& source, const std::string& prefix, int64_t layer,
               const ModelConfig& config, const PassOptions& passes);

  /// With `rows` only theirs, [rows, d], in that order: every row is attended to, what follows is
  /// computed for them alone.
  Tensor forward(const Tensor& hidden_td, const AttentionContext& context, Probe* probe,
                 const std::vector<int64_t>* rows = nullptr) const;
  void each_linear(const std::function<void(Linear&)>& visit);

 private:
  int64_t layer_;
  RmsNorm input_layernorm_, post_attention_layernorm_;
  std::unique_ptr<Attention> self_attn_;
  std::unique_ptr<Mlp> mlp_;  // either this
  std::unique_ptr<Moe> moe_;  // or this
};

/// Rope frequencies and the factor on cos and sin that a config asks for.
RopeFrequencies rope_frequencies(const ModelConfig& config);

/// Factor on attention scores before the softmax: (query size)^-0.5, for MLA with YaRN times
/// (0.1 mscale_all_dim ln factor + 1)^2.
float softmax_scale(const ModelConfig& config);

}  // namespace deepseek
