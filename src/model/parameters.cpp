// SPDX-License-Identifier: Apache-2.0
#include "model/parameters.h"

#include "core/text.h"

namespace deepseek {
namespace {

using Kind = ParameterSpec::Kind;

class Lister {
 public:
  explicit Lister(const ModelConfig& config) : c_(config), d_(config.hidden_size) {}

  std::vector<ParameterSpec> list() {
    add("model.embed_tokens.weight", {c_.vocab_size, d_}, Kind::embedding);
    for (int64_t layer = 0; layer < c_.num_hidden_layers; ++layer) decoder_layer(layer);
    add("model.norm.weight", {d_}, Kind::vector);
    if (!c_.tie_word_embeddings) add("lm_head.weight", {c_.vocab_size, d_}, Kind::matrix);
    for (int64_t i = 0; i < c_.num_nextn_predict_layers; ++i) {
      const int64_t layer = c_.num_hidden_layers + i;
      const std::string at = concat("model.layers.", layer, ".");
      add(at + "enorm.weight", {d_}, Kind::vector);
      add(at + "hnorm.weight", {d_}, Kind::vector);
      add(at + "eh_proj.weight", {d_, 2 * d_}, Kind::matrix);
      decoder_layer(layer);
      add(at + "shared_head.norm.weight", {d_}, Kind::vector);
    }
    return std::move(all_);
  }

 private:
  void add(std::string name, Shape shape, Kind kind) {
    all_.push_back({std::move(name), std::move(shape), kind});
  }

  void mlp(const std::string& at, int64_t width) {
    add(at + "gate_proj.weight", {width, d_}, Kind::matrix);
    add(at + "up_proj.weight", {width, d_}, Kind::matrix);
    add(at + "down_proj.weight", {d_, width}, Kind::matrix);
  }

  void gqa(const std::string& at) {
    const int64_t q = c_.num_attention_heads * c_.head_dim;
    const int64_t kv = c_.num_key_value_heads * c_.head_dim;
    for (const auto& [name, rows] : {std::pair{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}}) {
      add(at + name + ".weight", {rows, d_}, Kind::matrix);
      if (c_.attention_bias) add(at + name + ".bias", {rows}, Kind::vector);
    }
    add(at + "o_proj.weight", {d_, q}, Kind::matrix);
  }

  void mla(const std::string& at) {
    const int64_t heads = c_.num_attention_heads, q = heads * c_.qk_head_dim();
    if (c_.q_lora_rank > 0) {
      add(at + "q_a_proj.weight", {c_.q_lora_rank, d_}, Kind::matrix);
      add(at + "q_a_layernorm.weight", {c_.q_lora_rank}, Kind::vector);
      add(at + "q_b_proj.weight", {q, c_.q_lora_rank}, Kind::matrix);
    } else {
      add(at + "q_proj.weight", {q, d_}, Kind::matrix);
    }
    add(at + "kv_a_proj_with_mqa.weight", {c_.kv_lora_rank + c_.qk_rope_head_dim, d_},
        Kind::matrix);
    add(at + "kv_a_layernorm.weight", {c_.kv_lora_rank}, Kind::vector);
    add(at + "kv_b_proj.weight", {heads * (c_.qk_nope_head_dim + c_.v_head_dim), c_.kv_lora_rank},
        Kind::matrix);
    add(at + "o_proj.weight", {d_, heads * c_.v_head_dim}, Kind::matrix);
  }

  void decoder_layer(int64_t layer) {
    const std::string at = concat("model.layers.", layer, ".");
    add(at + "input_layernorm.weight", {d_}, Kind::vector);
    c_.attention == AttentionKind::mla ? mla(at + "self_attn.") : gqa(at + "self_attn.");
    add(at + "post_attention_layernorm.weight", {d_}, Kind::vector);
    if (!c_.is_moe_layer(layer)) return mlp(at + "mlp.", c_.intermediate_size);
    add(at + "mlp.gate.weight", {c_.n_routed_experts, d_}, Kind::router);
    if (c_.topk_method == RouterMethod::noaux_tc)
      add(at + "mlp.gate.e_score_correction_bias", {c_.n_routed_experts}, Kind::router_bias);
    for (int64_t expert = 0; expert < c_.n_routed_experts; ++expert)
      mlp(concat(at, "mlp.experts.", expert, "."), c_.moe_intermediate_size);
    if (c_.n_shared_experts > 0)
      mlp(at + "mlp.shared_experts.", c_.n_shared_experts * c_.moe_intermediate_size);
  }

  const ModelConfig& c_;
  const int64_t d_;
  std::vector<ParameterSpec> all_;
};

}  // namespace

int64_t ParameterSpec::numel() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

std::vector<ParameterSpec> list_parameters(const ModelConfig& config) {
  return Lister(config).list();
}

}  // namespace deepseek
