// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_names.h"

#include <array>
#include <charconv>

namespace deepseek {
namespace {

struct NamePair {
  std::string_view hf, gguf;
};

constexpr std::array<NamePair, 3> globals{{
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
}};

/// After `model.layers.N.` and `blk.N.`.
constexpr std::array<NamePair, 26> in_layer{{
    {"input_layernorm.weight", "attn_norm.weight"},
    {"post_attention_layernorm.weight", "ffn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},
    {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.v_proj.weight", "attn_v.weight"},
    {"self_attn.o_proj.weight", "attn_output.weight"},
    {"self_attn.q_proj.bias", "attn_q.bias"},
    {"self_attn.k_proj.bias", "attn_k.bias"},
    {"self_attn.v_proj.bias", "attn_v.bias"},
    {"self_attn.q_a_proj.weight", "attn_q_a.weight"},
    {"self_attn.q_a_layernorm.weight", "attn_q_a_norm.weight"},
    {"self_attn.q_b_proj.weight", "attn_q_b.weight"},
    {"self_attn.kv_a_proj_with_mqa.weight", "attn_kv_a_mqa.weight"},
    {"self_attn.kv_a_layernorm.weight", "attn_kv_a_norm.weight"},
    {"self_attn.kv_b_proj.weight", "attn_kv_b.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},
    {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"},
    {"mlp.gate.weight", "ffn_gate_inp.weight"},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.shared_experts.gate_proj.weight", "ffn_gate_shexp.weight"},
    {"mlp.shared_experts.up_proj.weight", "ffn_up_shexp.weight"},
    {"mlp.shared_experts.down_proj.weight", "ffn_down_shexp.weight"},
    {"mlp.experts.*.gate_proj.weight", "ffn_gate_exps.weight"},
    {"mlp.experts.*.up_proj.weight", "ffn_up_exps.weight"},
    {"mlp.experts.*.down_proj.weight", "ffn_down_exps.weight"},
}};

constexpr std::string_view hf_layer = "model.layers.", gguf_layer = "blk.";
constexpr std::string_view hf_expert = "mlp.experts.";

/// Takes a plain decimal number and the dot after it off the front of `text`.
std::optional<int64_t> take_index(std::string_view& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const size_t digits = static_cast<size_t>(end - text.data());
  if (error != std::errc() || text[0] == '-' || (digits > 1 && text[0] == '0') ||
      digits >= text.size() || text[digits] != '.')
    return std::nullopt;
  text.remove_prefix(digits + 1);
  return value;
}

}  // namespace

std::optional<GgufPlace> gguf_place(std::string_view hf_name) {
  for (const NamePair& pair : globals)
    if (pair.hf == hf_name) return GgufPlace{std::string(pair.gguf), std::nullopt};
  if (!hf_name.starts_with(hf_layer)) return std::nullopt;
  std::string_view rest = hf_name.substr(hf_layer.size());
  const std::optional<int64_t> layer = take_index(rest);
  if (!layer) return std::nullopt;
  std::optional<int64_t> expert;
  std::string pattern(rest);
  if (rest.starts_with(hf_expert)) {
    rest.remove_prefix(hf_expert.size());
    expert = take_index(rest);
    if (!expert) return std::nullopt;
    pattern = std::string(hf_expert) + "*." + std::string(rest);
  }
  for (const NamePair& pair : in_layer)
    if (pair.hf == pattern)
      return GgufPlace{
          std::string(gguf_layer) + std::to_string(*layer) + "." + std::string(pair.gguf), expert};
  return std::nullopt;
}

std::optional<std::string> hf_name_of(std::string_view gguf_name, int64_t expert) {
  for (const NamePair& pair : globals)
    if (pair.gguf == gguf_name) return std::string(pair.hf);
  if (!gguf_name.starts_with(gguf_layer)) return std::nullopt;
  std::string_view rest = gguf_name.substr(gguf_layer.size());
  const std::optional<int64_t> layer = take_index(rest);
  if (!layer) return std::nullopt;
  for (const NamePair& pair : in_layer) {
    if (pair.gguf != rest) continue;
    std::string name = std::string(hf_layer) + std::to_string(*layer) + "." + std::string(pair.hf);
    if (const size_t star = name.find('*'); star != std::string::npos)
      name.replace(star, 1, std::to_string(expert));
    return name;
  }
  return std::nullopt;
}

std::string_view gguf_architecture(const ModelConfig& config) {
  constexpr std::array<NamePair, 5> table{{{"llama", "llama"},
                                           {"qwen2", "qwen2"},
                                           {"deepseek", "deepseek"},
                                           {"deepseek_v2", "deepseek2"},
                                           {"deepseek_v3", "deepseek2"}}};
  for (const NamePair& pair : table)
    if (pair.hf == config.model_type) return pair.gguf;
  return {};
}

}  // namespace deepseek
