// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nn/attention.h"
#include "nn/latent_up.h"
#include "nn/norm.h"

namespace deepseek {

/// Multi-head latent attention (DeepSeek-V2, section 2.1 and appendix C, Eq. 37-47). Without a
/// cache keys and values are expanded from the latent; with one, queries are moved into the
/// latent's space and attend to it directly.
class Mla : public Attention {
 public:
  struct Config {
    int64_t hidden_size = 0;
    int64_t num_attention_heads = 0;
    int64_t q_lora_rank = 0;  // 0: one q_proj
    int64_t kv_lora_rank = 0;
    int64_t qk_nope_head_dim = 0;
    int64_t qk_rope_head_dim = 0;
    int64_t v_head_dim = 0;
    double latent_norm_eps = 1e-6;
    float softmax_scale = 1;
    RopePairing pairing = RopePairing::interleaved;
    bool expanded = false, absorbed = false;
  };

  /// Takes `<prefix>.{q_proj | q_a_proj, q_a_layernorm, q_b_proj}`, `.kv_a_proj_with_mqa`,
  /// `.kv_a_layernorm`, `.kv_b_proj`, `.o_proj`.
  Mla(ParamSource& source, const std::string& prefix, const Config& config);

  Tensor forward(const Tensor& x_td, const AttentionContext& context) const override;
  void each_linear(const std::function<void(Linear&)>& visit) override;

 private:
  Config config_;
  Linear q_proj_;
  Linear q_a_proj_, q_b_proj_;
  RmsNorm q_a_layernorm_;
  Linear kv_a_proj_with_mqa_;
  RmsNorm kv_a_layernorm_;
  LatentUp kv_b_proj_;
  Linear o_proj_;
};

}  // namespace deepseek
