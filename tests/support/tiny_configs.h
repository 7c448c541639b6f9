// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/config.h"

namespace deepseek::test {

/// A few layers of a family, every size a multiple of 256 where block formats need it.
inline ModelConfig tiny_config(const std::string& family) {
  ModelConfig c;
  c.model_type = family;
  c.vocab_size = 301;
  c.hidden_size = 256;
  c.intermediate_size = 512;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 4;
  c.num_key_value_heads = family == "deepseek" ? 4 : 2;
  c.head_dim = 64;
  c.max_position_embeddings = 4096;
  c.attention_bias = family == "qwen2";
  c.tie_word_embeddings = family == "qwen2";
  if (family == "llama" || family == "qwen2") return c;
  c.n_routed_experts = 8;
  c.n_shared_experts = 1;
  c.num_experts_per_tok = 3;
  c.moe_intermediate_size = 256;
  c.first_k_dense_replace = 1;
  if (family == "deepseek") return c;
  c.attention = AttentionKind::mla;
  c.num_key_value_heads = 4;
  c.kv_lora_rank = 256;
  c.qk_nope_head_dim = 256;
  c.qk_rope_head_dim = 64;
  c.v_head_dim = 64;
  c.rope_pairing = RopePairing::interleaved;
  if (family == "deepseek_v2") return c;
  c.q_lora_rank = 256;
  c.n_group = 4;
  c.topk_group = 2;
  c.scoring_func = RouterScoring::sigmoid;
  c.topk_method = RouterMethod::noaux_tc;
  c.norm_topk_prob = true;
  c.routed_scaling_factor = 2.5;
  return c;
}

}  // namespace deepseek::test
