// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/rope.h"
#include "ops/router.h"

namespace deepseek {

enum class AttentionKind { gqa, mla };

/// FP8 weights of a checkpoint (`quantization_config`, quant_method fp8).
struct Fp8Config {
  int64_t block_rows = 128, block_cols = 128;  // weight_block_size
  bool ue8m0_scales = false;                   // scale_fmt ue8m0

  bool operator==(const Fp8Config&) const = default;
};

/// What a file of another kind calls a field of config.json.
struct FieldSpelling {
  std::string_view published;
  std::string spelled;
};

/// What a decoder of the DeepSeek line is made of, normalised from config.json (both published
/// forms) or GGUF metadata. Field names are the published ones; absent features have the value
/// that switches them off.
struct ModelConfig {
  std::string model_type;  // "llama", "qwen2", "deepseek", "deepseek_v2", "deepseek_v3"
  AttentionKind attention = AttentionKind::gqa;
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;          // gqa
  bool attention_bias = false;   // q, k and v carry biases (Qwen2)
  int64_t q_lora_rank = 0;       // mla; 0: one q_proj
  int64_t kv_lora_rank = 0;      // mla
  int64_t qk_nope_head_dim = 0;  // mla
  int64_t qk_rope_head_dim = 0;  // mla
  int64_t v_head_dim = 0;        // mla
  double rms_norm_eps = 1e-6;
  double latent_norm_eps = 1e-6;  // q_a_layernorm, kv_a_layernorm: 1e-6 whatever rms_norm_eps
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  RopePairing rope_pairing = RopePairing::half;
  int64_t max_position_embeddings = 0;
  bool tie_word_embeddings = false;

  int64_t n_routed_experts = 0;  // 0: dense everywhere
  int64_t n_shared_experts = 0;
  int64_t num_experts_per_tok = 0;
  int64_t moe_intermediate_size = 0;
  int64_t first_k_dense_replace = 0;
  int64_t moe_layer_freq = 1;
  int64_t n_group = 1, topk_group = 1;
  RouterScoring scoring_func = RouterScoring::softmax;
  RouterMethod topk_method = RouterMethod::greedy;
  bool norm_topk_prob = false;
  double routed_scaling_factor = 1;
  double aux_loss_alpha = 0;  // sequence-wise balance loss
  bool seq_aux = true;

  int64_t num_nextn_predict_layers = 0;  // MTP layers stored after the last decoder layer
  std::optional<Fp8Config> fp8;
  std::string torch_dtype;
  std::optional<int64_t> bos_token_id;
  std::vector<int64_t> eos_token_ids;

  bool is_moe_layer(int64_t layer) const {
    return n_routed_experts > 0 && layer >= first_k_dense_replace && layer % moe_layer_freq == 0;
  }
  int64_t qk_head_dim() const {
    return attention == AttentionKind::mla ? qk_nope_head_dim + qk_rope_head_dim : head_dim;
  }
  int64_t rope_dim() const { return attention == AttentionKind::mla ? qk_rope_head_dim : head_dim; }

  /// What a layer keeps of a token: keys and values of every group, or the latent and the rotary
  /// key of latent attention.
  int64_t cache_values_per_token() const {
    return attention == AttentionKind::mla ? kv_lora_rank + qk_rope_head_dim
                                           : 2 * num_key_value_heads * head_dim;
  }

  /// Throws bad_file, beginning with `where`, when fields contradict each other or are absurd: a
  /// config that passes has sizes whose products fit, at most 2^50 parameters, and at most 2^50
  /// values in the cache of its longest context. `spellings` says what messages call the fields.
  void validate(const std::string& where, std::span<const FieldSpelling> spellings = {}) const;

  bool operator==(const ModelConfig&) const = default;
};

/// Parameters implied by a valid config alone (no MTP layer): what the table of model sizes prints.
struct ParameterCount {
  int64_t total = 0;
  int64_t active = 0;  // of the routed experts only the chosen ones, embedding and head included
  int64_t mtp = 0;     // of the decoder layers of MTP, as published totals count them
  int64_t mtp_projection = 0;  // of what joins those to the model: eh_proj and three norms each
};
ParameterCount count_parameters(const ModelConfig& config);

}  // namespace deepseek
