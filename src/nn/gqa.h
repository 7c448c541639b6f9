// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nn/attention.h"

namespace deepseek {

/// Multi-head attention with shared key-value heads (Ainslie et al., 2023); MHA when every query
/// head has its own.
class Gqa : public Attention {
 public:
  struct Config {
    int64_t hidden_size = 0;
    int64_t num_attention_heads = 0;
    int64_t num_key_value_heads = 0;
    int64_t head_dim = 0;
    bool has_qkv_bias = false;
    RopePairing pairing = RopePairing::half;
  };

  /// Takes `<prefix>.{q,k,v,o}_proj`.
  Gqa(ParamSource& source, const std::string& prefix, const Config& config);

  Tensor forward(const Tensor& x_td, const AttentionContext& context) const override;
  void each_linear(const std::function<void(Linear&)>& visit) override;

 private:
  Config config_;
  Linear q_proj_, k_proj_, v_proj_, o_proj_;
};

}  // namespace deepseek
