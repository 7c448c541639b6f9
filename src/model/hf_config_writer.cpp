// SPDX-License-Identifier: Apache-2.0

#include "core/error.h"
#include "core/json.h"
#include "model/hf_config.h"
#include "model/rope_divisors.h"

namespace deepseek {
namespace {

using nlohmann::ordered_json;

const char* architecture(const ModelConfig& c) {
  if (c.model_type == "llama") return "LlamaForCausalLM";
  if (c.model_type == "qwen2") return "Qwen2ForCausalLM";
  if (c.model_type == "deepseek") return "DeepseekForCausalLM";
  return c.model_type == "deepseek_v2" ? "DeepseekV2ForCausalLM" : "DeepseekV3ForCausalLM";
}

/// A whole number without a fraction, as published files write thetas and factors.
ordered_json plain(double value) {
  const auto whole = static_cast<int64_t>(value);
  if (static_cast<double>(whole) == value) return whole;
  return value;
}

ordered_json rope_scaling(const ModelConfig& c) {
  using Type = RopeScaling::Type;
  RopeScaling r = c.rope_scaling;
  if (!r.frequency_divisors.empty()) {
    const auto llama3 = llama3_from_divisors(r.frequency_divisors, c.rope_theta, c.rope_dim());
    if (!llama3)
      fail(ErrorKind::unsupported, "rope_freqs.weight: expected the divisors of llama3 scaling, ",
           "got others, which config.json has no field for");
    r = *llama3;
  }
  switch (r.type) {
    case Type::none:
      return nullptr;
    case Type::linear:
      return {{"type", "linear"}, {"factor", r.factor}};
    case Type::llama3:
      return {{"rope_type", "llama3"},
              {"factor", r.factor},
              {"low_freq_factor", r.low_freq_factor},
              {"high_freq_factor", r.high_freq_factor},
              {"original_max_position_embeddings", plain(r.original_max_position_embeddings)}};
    case Type::yarn:
      break;
  }
  ordered_json out{{"type", "yarn"},
                   {"factor", plain(r.factor)},
                   {"beta_fast", plain(r.beta_fast)},
                   {"beta_slow", plain(r.beta_slow)},
                   {"original_max_position_embeddings", plain(r.original_max_position_embeddings)}};
  if (r.mscale) out["mscale"] = *r.mscale;
  if (r.mscale_all_dim) out["mscale_all_dim"] = *r.mscale_all_dim;
  if (r.attention_factor) out["attention_factor"] = *r.attention_factor;
  return out;
}

void put_experts(const ModelConfig& c, ordered_json& out) {
  out["n_routed_experts"] = c.n_routed_experts;
  if (c.n_routed_experts == 0) return;
  out["n_shared_experts"] = c.n_shared_experts;
  out["num_experts_per_tok"] = c.num_experts_per_tok;
  out["moe_intermediate_size"] = c.moe_intermediate_size;
  out["first_k_dense_replace"] = c.first_k_dense_replace;
  out["moe_layer_freq"] = c.moe_layer_freq;
  out["scoring_func"] = c.scoring_func == RouterScoring::sigmoid ? "sigmoid" : "softmax";
  out["norm_topk_prob"] = c.norm_topk_prob;
  out["aux_loss_alpha"] = c.aux_loss_alpha;
  out["seq_aux"] = c.seq_aux;
  if (c.attention == AttentionKind::gqa) return;
  out["n_group"] = c.n_group;
  out["topk_group"] = c.topk_group;
  out["topk_method"] = c.topk_method == RouterMethod::noaux_tc ? "noaux_tc"
                       : c.topk_method == RouterMethod::group_limited_greedy
                           ? "group_limited_greedy"
                           : "greedy";
  out["routed_scaling_factor"] = c.routed_scaling_factor;
}

}  // namespace

std::string config_to_json(const ModelConfig& c) {
  ordered_json out;
  out["architectures"] = {architecture(c)};
  out["model_type"] = c.model_type;
  if (c.model_type != "qwen2") out["attention_bias"] = c.attention_bias;
  if (c.bos_token_id) out["bos_token_id"] = *c.bos_token_id;
  if (c.eos_token_ids.size() == 1) out["eos_token_id"] = c.eos_token_ids[0];
  if (c.eos_token_ids.size() > 1) out["eos_token_id"] = c.eos_token_ids;
  out["hidden_act"] = "silu";
  out["hidden_size"] = c.hidden_size;
  out["intermediate_size"] = c.intermediate_size;
  out["max_position_embeddings"] = c.max_position_embeddings;
  out["num_attention_heads"] = c.num_attention_heads;
  out["num_hidden_layers"] = c.num_hidden_layers;
  out["num_key_value_heads"] = c.num_key_value_heads;
  if (c.attention == AttentionKind::mla) {
    out["q_lora_rank"] = c.q_lora_rank > 0 ? ordered_json(c.q_lora_rank) : ordered_json();
    out["kv_lora_rank"] = c.kv_lora_rank;
    out["qk_nope_head_dim"] = c.qk_nope_head_dim;
    out["qk_rope_head_dim"] = c.qk_rope_head_dim;
    out["v_head_dim"] = c.v_head_dim;
    if (c.rope_pairing == RopePairing::half) out["rope_interleave"] = false;
  } else if (c.head_dim * c.num_attention_heads != c.hidden_size) {
    out["head_dim"] = c.head_dim;
  }
  out["rms_norm_eps"] = c.rms_norm_eps;
  out["rope_theta"] = plain(c.rope_theta);
  out["rope_scaling"] = rope_scaling(c);
  if (c.model_type.starts_with("deepseek")) put_experts(c, out);
  if (c.model_type == "deepseek_v3") out["num_nextn_predict_layers"] = c.num_nextn_predict_layers;
  if (c.fp8) {
    out["quantization_config"] = {{"quant_method", "fp8"},
                                  {"fmt", "e4m3"},
                                  {"activation_scheme", "dynamic"},
                                  {"weight_block_size", {c.fp8->block_rows, c.fp8->block_cols}}};
    if (c.fp8->ue8m0_scales) out["quantization_config"]["scale_fmt"] = "ue8m0";
  }
  out["tie_word_embeddings"] = c.tie_word_embeddings;
  if (!c.torch_dtype.empty()) out["torch_dtype"] = c.torch_dtype;
  out["use_cache"] = true;
  out["vocab_size"] = c.vocab_size;
  return out.dump(2) + "\n";
}

}  // namespace deepseek
