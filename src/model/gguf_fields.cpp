// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_fields.h"

#include <cmath>

#include "core/error.h"
#include "model/gguf_names.h"

namespace deepseek {
namespace {

/// general.file_type of a file whose matrices are mostly of this format.
uint32_t file_type(Format format) {
  switch (format) {
    case Format::f16:
      return 1;
    case Format::q4_0:
      return 2;
    case Format::q8_0:
      return 7;
    case Format::bf16:
      return 32;
    default:
      return 0;
  }
}

/// YaRN's m(f, s), by which cos, sin or the softmax scale are multiplied.
double yarn_m(double factor, double scale) {
  return factor > 1 ? 0.1 * scale * std::log(factor) + 1 : 1;
}

bool both_mscales(const RopeScaling& rope) {
  return rope.mscale.value_or(0) != 0 && rope.mscale_all_dim.value_or(0) != 0;
}

/// What YaRN multiplies cos and sin by in latent attention.
double latent_cos_factor(const RopeScaling& rope) {
  if (rope.attention_factor) return *rope.attention_factor;
  if (!both_mscales(rope)) return yarn_m(rope.factor, 1);
  return yarn_m(rope.factor, *rope.mscale) / yarn_m(rope.factor, *rope.mscale_all_dim);
}

bool scales_cos(const ModelConfig& c) {
  return c.attention == AttentionKind::mla && c.rope_scaling.type == RopeScaling::Type::yarn &&
         latent_cos_factor(c.rope_scaling) != 1;
}

bool latent_eps_differs(const ModelConfig& c) {
  return c.attention == AttentionKind::mla && c.latent_norm_eps != c.rms_norm_eps;
}

/// Adds keys under `<architecture>.`.
class Adder {
 public:
  Adder(const ModelConfig& config, GgufFields& fields)
      : c_(config), fields_(fields), prefix_(concat(gguf_architecture(config), ".")) {}

  void sizes() {
    u32("block_count", c_.num_hidden_layers);
    u32("context_length", c_.max_position_embeddings);
    u32("embedding_length", c_.hidden_size);
    u32("feed_forward_length", c_.intermediate_size);
    u32("vocab_size", c_.vocab_size);
    f32("attention.layer_norm_rms_epsilon", c_.rms_norm_eps);
    if (latent_eps_differs(c_)) f32("attention.latent_norm_rms_epsilon", c_.latent_norm_eps);
  }

  void attention() {
    u32("attention.head_count", c_.num_attention_heads);
    if (c_.attention == AttentionKind::gqa) {
      u32("attention.head_count_kv", c_.num_key_value_heads);
      u32("attention.key_length", c_.head_dim);
      u32("attention.value_length", c_.head_dim);
    } else {  // stored as one group of latent keys, see attn_k_b and attn_v_b
      u32("attention.head_count_kv", 1);
      if (c_.q_lora_rank > 0) u32("attention.q_lora_rank", c_.q_lora_rank);
      u32("attention.kv_lora_rank", c_.kv_lora_rank);
      u32("attention.key_length", c_.kv_lora_rank + c_.qk_rope_head_dim);
      u32("attention.value_length", c_.kv_lora_rank);
      u32("attention.key_length_mla", c_.qk_head_dim());
      u32("attention.value_length_mla", c_.v_head_dim);
    }
  }

  void rope() {
    using Type = RopeScaling::Type;
    const RopeScaling& r = c_.rope_scaling;
    u32("rope.dimension_count", c_.rope_dim());
    f32("rope.freq_base", c_.rope_theta);
    if (r.type == Type::none || r.type == Type::llama3) return;
    text("rope.scaling.type", r.type == Type::linear ? "linear" : "yarn");
    f32("rope.scaling.factor", r.factor);
    if (r.type == Type::linear) return;
    const double original = r.original_max_position_embeddings;
    if (original != std::floor(original))
      fail(ErrorKind::unsupported, "original_max_position_embeddings: expected a whole number for ",
           "a GGUF file, got ", original);
    u32("rope.scaling.original_context_length", static_cast<int64_t>(original));
    f32("rope.scaling.yarn_beta_fast", r.beta_fast);
    f32("rope.scaling.yarn_beta_slow", r.beta_slow);
    if (c_.attention == AttentionKind::gqa) {
      if (r.attention_factor)
        f32("rope.scaling.attn_factor", *r.attention_factor / yarn_m(r.factor, 1));
      return;
    }
    if (r.mscale_all_dim.value_or(0) != 0)
      f32("rope.scaling.yarn_log_multiplier", 0.1 * *r.mscale_all_dim);
    if (!scales_cos(c_)) return;
    if (both_mscales(r) && !r.attention_factor)
      f32("rope.scaling.yarn_mscale", *r.mscale);
    else
      f32("rope.scaling.yarn_attention_factor", latent_cos_factor(r));
  }

  void experts() {
    if (c_.n_routed_experts == 0) return;
    u32("leading_dense_block_count", c_.first_k_dense_replace);
    u32("expert_count", c_.n_routed_experts);
    u32("expert_used_count", c_.num_experts_per_tok);
    u32("expert_shared_count", c_.n_shared_experts);
    u32("expert_feed_forward_length", c_.moe_intermediate_size);
    f32("expert_weights_scale", c_.routed_scaling_factor);
    fields_.add_bool(prefix_ + "expert_weights_norm", c_.norm_topk_prob);
    // Of training alone; keys of our own.
    if (c_.aux_loss_alpha != 0) f32("expert_aux_loss_alpha", c_.aux_loss_alpha);
    if (!c_.seq_aux) fields_.add_bool(prefix_ + "expert_seq_aux", false);
    u32("expert_gating_func", c_.scoring_func == RouterScoring::sigmoid ? 2 : 1);
    u32("expert_group_count", c_.n_group);
    u32("expert_group_used_count", c_.topk_group);
  }

 private:
  void u32(const char* key, int64_t value) {
    fields_.add_u32(prefix_ + key, static_cast<uint32_t>(value));
  }
  void f32(const char* key, double value) {
    fields_.add_f32(prefix_ + key, static_cast<float>(value));
  }
  void text(const char* key, const char* value) { fields_.add_string(prefix_ + key, value); }

  const ModelConfig& c_;
  GgufFields& fields_;
  std::string prefix_;
};

}  // namespace

bool needs_own_gguf_keys(const ModelConfig& config) {
  return latent_eps_differs(config) || scales_cos(config);
}

void add_config_fields(const ModelConfig& config, const std::string& name, Format format,
                       GgufFields& fields) {
  if (config.moe_layer_freq != 1 && config.n_routed_experts > 0)
    fail(ErrorKind::unsupported, "moe_layer_freq: expected 1, as a GGUF file says nothing else, ",
         "got ", config.moe_layer_freq);
  if (config.attention == AttentionKind::mla && config.rope_pairing == RopePairing::half)
    fail(ErrorKind::unsupported, "rope_interleave: expected true, as a GGUF file says nothing ",
         "else, got false");
  fields.add_string("general.architecture", gguf_architecture(config));
  fields.add_string("general.type", "model");
  fields.add_string("general.name", name);
  fields.add_u32("general.file_type", file_type(format));
  fields.add_u32("general.quantization_version", 2);
  Adder adder(config, fields);
  adder.sizes();
  adder.attention();
  adder.rope();
  adder.experts();
}

}  // namespace deepseek
