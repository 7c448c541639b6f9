// SPDX-License-Identifier: Apache-2.0
#include "model/hf_config.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/file.h"
#include "formats/json.h"
#include "model/json_fields.h"

namespace deepseek {
namespace {

using nlohmann::json;

struct Family {
  std::string_view model_type;  // as published
  std::string_view normalised;
  AttentionKind attention;
  bool experts;
};

constexpr std::array<Family, 6> families{{
    {"llama", "llama", AttentionKind::gqa, false},
    {"qwen2", "qwen2", AttentionKind::gqa, false},
    {"deepseek", "deepseek", AttentionKind::gqa, true},
    {"deepseek_v2", "deepseek_v2", AttentionKind::mla, true},
    {"deepseek_v3", "deepseek_v3", AttentionKind::mla, true},
    {"kimi_k2", "deepseek_v3", AttentionKind::mla, true},
}};

constexpr std::array<std::string_view, 11> known_not_done{
    "deepseek_v32",   "deepseek_v4",    "deepseek_vl", "deepseek_vl_hybrid",
    "deepseek_vl_v2", "deepseek_ocr",   "deepseekocr", "janus",
    "multi_modality", "multi-modality", "kimi_vl",
};

/// Settings of relatives of these families that change the numbers and are not computed here.
struct Switch {
  const char* name;
  enum class Off { absent, no, one } off;  // the value that leaves it off; null and absence do too
};

constexpr std::array<Switch, 20> switches{{
    {"mlp_bias", Switch::Off::no},
    {"use_qk_norm", Switch::Off::no},
    {"qk_layernorm", Switch::Off::no},
    {"qk_norm", Switch::Off::no},
    {"use_qkv_norm", Switch::Off::no},
    {"alibi", Switch::Off::no},
    {"use_parallel_residual", Switch::Off::no},
    {"add_cross_attention", Switch::Off::no},
    {"clip_qkv", Switch::Off::absent},
    {"attn_logit_softcapping", Switch::Off::absent},
    {"final_logit_softcapping", Switch::Off::absent},
    {"swiglu_limit", Switch::Off::absent},
    {"logit_scale", Switch::Off::one},
    {"logits_scaling", Switch::Off::one},
    {"embedding_multiplier", Switch::Off::one},
    {"residual_multiplier", Switch::Off::one},
    {"scale_emb", Switch::Off::one},
    {"scale_depth", Switch::Off::one},
    {"partial_rotary_factor", Switch::Off::one},
    {"rotary_pct", Switch::Off::one},
}};

template <class... Parts>
[[noreturn]] void unsupported(const JsonFields& fields, const char* name, const Parts&... parts) {
  fail(ErrorKind::unsupported, fields.where(), ": ", fields.full_name(name), ": ", parts...);
}

void refuse_switches(const JsonFields& fields) {
  for (const Switch& one : switches) {
    const json& value = fields.raw(one.name);
    const bool off = value.is_null() || (one.off == Switch::Off::no && value == false) ||
                     (one.off == Switch::Off::one && value == 1);
    if (!off)
      unsupported(fields, one.name, json_excerpt(value),
                  " changes the numbers and is not computed here");
  }
}

const Family& find_family(const JsonFields& fields) {
  const std::string type = fields.required_text("model_type");
  for (const Family& family : families)
    if (family.model_type == type) return family;
  const bool known =
      std::find(known_not_done.begin(), known_not_done.end(), type) != known_not_done.end();
  unsupported(fields, "model_type", json_excerpt(type),
              known ? " is known but does not run here yet" : " is not a known family",
              "; supported are ", supported_model_types());
}

/// `rope` is the object `rope_scaling` or `rope_parameters` of `fields`.
RopeScaling read_rope_scaling(const JsonFields& fields, const JsonFields& rope,
                              int64_t max_positions) {
  using Type = RopeScaling::Type;
  RopeScaling scaling;
  const char* type_key = rope.has("rope_type") ? "rope_type" : "type";
  const std::string type = rope.text(type_key).value_or(rope.has("factor") ? "" : "default");
  if (type == "default") return scaling;
  if (type == "linear") {
    scaling.type = Type::linear;
  } else if (type == "llama3") {
    scaling.type = Type::llama3;
  } else if (type == "yarn") {
    scaling.type = Type::yarn;
  } else if (type.empty()) {
    rope.refuse("rope_type", "linear, llama3 or yarn");
  } else {
    unsupported(rope, type_key, json_excerpt(type),
                " is not computed here; supported are default, linear, llama3 and yarn");
  }
  for (const char* key : {"mrope_section", "short_factor", "long_factor"})
    if (rope.has(key)) unsupported(rope, key, "is not computed here");
  if (rope.boolean("truncate") == false)
    unsupported(rope, "truncate", "false is not computed here");
  if (const auto part = rope.number("partial_rotary_factor"); part && *part != 1)
    unsupported(rope, "partial_rotary_factor", *part, " is not computed here");

  const auto factor = rope.number("factor");
  if (!factor) rope.refuse("factor", "a positive number");
  scaling.factor = *factor;
  if (scaling.type == Type::linear) return scaling;

  auto original = rope.number("original_max_position_embeddings");
  if (!original) original = fields.number("original_max_position_embeddings");
  if (!original && scaling.type == Type::llama3)
    rope.refuse("original_max_position_embeddings", "a positive number");
  scaling.original_max_position_embeddings = original.value_or(static_cast<double>(max_positions));
  if (scaling.type == Type::llama3) {
    const auto low = rope.number("low_freq_factor"), high = rope.number("high_freq_factor");
    if (!low) rope.refuse("low_freq_factor", "a positive number");
    if (!high) rope.refuse("high_freq_factor", "a positive number");
    scaling.low_freq_factor = *low;
    scaling.high_freq_factor = *high;
  } else {
    scaling.beta_fast = rope.number("beta_fast").value_or(32);
    scaling.beta_slow = rope.number("beta_slow").value_or(1);
    scaling.mscale = rope.number("mscale");
    scaling.mscale_all_dim = rope.number("mscale_all_dim");
    scaling.attention_factor = rope.number("attention_factor");
  }
  return scaling;
}

void read_rope(const JsonFields& fields, ModelConfig& config) {
  const auto parameters = fields.object("rope_parameters");
  const auto scaling = fields.object("rope_scaling");
  auto theta = fields.number("rope_theta");
  if (parameters) {
    const auto inner = parameters->number("rope_theta");
    if (theta && inner && *theta != *inner)
      fail(ErrorKind::bad_file, fields.where(), ": rope_theta: expected ", *inner,
           " as in rope_parameters, got ", *theta);
    if (inner) theta = inner;
    config.rope_scaling = read_rope_scaling(fields, *parameters, config.max_position_embeddings);
  }
  config.rope_theta = theta.value_or(10000);
  if (!scaling) return;
  const RopeScaling old = read_rope_scaling(fields, *scaling, config.max_position_embeddings);
  if (parameters && !(old == config.rope_scaling))
    fields.refuse("rope_scaling", "the same as rope_parameters, or one of the two alone");
  config.rope_scaling = old;
}

void refuse_sliding_window(const JsonFields& fields, const ModelConfig& config) {
  if (const json& types = fields.raw("layer_types"); !types.is_null()) {
    if (!types.is_array()) fields.refuse("layer_types", "a list of strings");
    for (const json& type : types)
      if (type != "full_attention")
        unsupported(fields, "layer_types", json_excerpt(type),
                    " is not computed here; expected full_attention in every layer");
  }
  if (!fields.boolean("use_sliding_window").value_or(false) || !fields.has("sliding_window"))
    return;
  const int64_t first = fields.integer("max_window_layers").value_or(28);
  if (first < config.num_hidden_layers)
    unsupported(fields, "use_sliding_window", "a sliding window in layers from ", first,
                " on is not computed here");
}

void read_gqa(const JsonFields& fields, ModelConfig& config) {
  config.num_key_value_heads =
      fields.integer("num_key_value_heads").value_or(config.num_attention_heads);
  if (const auto head_dim = fields.integer("head_dim")) {
    config.head_dim = *head_dim;
  } else {
    if (config.num_attention_heads <= 0 || config.hidden_size % config.num_attention_heads != 0)
      fields.refuse("num_attention_heads", concat("a divisor of hidden_size ", config.hidden_size,
                                                  " (or head_dim to be given)"));
    config.head_dim = config.hidden_size / config.num_attention_heads;
  }
  config.attention_bias = config.model_type == "qwen2";
}

void read_mla(const JsonFields& fields, ModelConfig& config) {
  config.num_key_value_heads =
      fields.integer("num_key_value_heads").value_or(config.num_attention_heads);
  config.q_lora_rank = fields.integer("q_lora_rank").value_or(0);
  config.kv_lora_rank = fields.required_integer("kv_lora_rank");
  config.qk_nope_head_dim = fields.required_integer("qk_nope_head_dim");
  config.qk_rope_head_dim = fields.required_integer("qk_rope_head_dim");
  config.v_head_dim = fields.required_integer("v_head_dim");
  config.rope_pairing = fields.boolean("rope_interleave").value_or(true) ? RopePairing::interleaved
                                                                         : RopePairing::half;
}

RouterScoring read_scoring(const JsonFields& fields, RouterScoring expected) {
  const std::string_view name = expected == RouterScoring::sigmoid ? "sigmoid" : "softmax";
  const auto text = fields.text("scoring_func");
  if (text && *text != name)
    unsupported(fields, "scoring_func", json_excerpt(*text), " is not computed here; expected ",
                name);
  return expected;
}

RouterMethod read_topk_method(const JsonFields& fields, bool v3, bool grouped_allowed) {
  const std::string text = fields.text("topk_method").value_or(v3 ? "noaux_tc" : "greedy");
  if (v3 && text == "noaux_tc") return RouterMethod::noaux_tc;
  if (!v3 && text == "greedy") return RouterMethod::greedy;
  if (!v3 && grouped_allowed && text == "group_limited_greedy")
    return RouterMethod::group_limited_greedy;
  unsupported(fields, "topk_method", json_excerpt(text), " is not computed here; expected ",
              v3                ? "noaux_tc"
              : grouped_allowed ? "greedy or group_limited_greedy"
                                : "greedy");
}

void read_experts(const JsonFields& fields, ModelConfig& config) {
  const bool v2 = config.model_type == "deepseek_v2", v3 = config.model_type == "deepseek_v3";
  if (!fields.raw("n_routed_experts").is_null() || !fields.raw("moe_intermediate_size").is_null())
    config.n_routed_experts = fields.required_integer("n_routed_experts");
  if (config.n_routed_experts == 0) return;
  config.n_shared_experts = fields.integer("n_shared_experts").value_or(0);
  config.num_experts_per_tok = fields.required_integer("num_experts_per_tok");
  config.moe_intermediate_size = fields.required_integer("moe_intermediate_size");
  config.first_k_dense_replace = fields.integer("first_k_dense_replace").value_or(v3 ? 3 : 0);
  config.moe_layer_freq = fields.integer("moe_layer_freq").value_or(1);
  config.scoring_func = read_scoring(fields, v3 ? RouterScoring::sigmoid : RouterScoring::softmax);
  config.topk_method = read_topk_method(fields, v3, v2);
  if (config.topk_method != RouterMethod::greedy) {
    config.n_group = fields.integer("n_group").value_or(1);
    config.topk_group = fields.integer("topk_group").value_or(1);
  }
  config.norm_topk_prob = fields.boolean("norm_topk_prob").value_or(v3);
  if (v2 || v3) {
    config.routed_scaling_factor = fields.number("routed_scaling_factor").value_or(v3 ? 2.5 : 1);
    // DeepSeek-V2's own code normalises the weights instead of scaling them.
    if (v2 && config.norm_topk_prob && config.num_experts_per_tok > 1)
      config.routed_scaling_factor = 1;
  }
  config.aux_loss_alpha = fields.number("aux_loss_alpha").value_or(0);
  config.seq_aux = fields.boolean("seq_aux").value_or(true);
}

void check_mlp_layer_types(const JsonFields& fields, const ModelConfig& config) {
  const json& types = fields.raw("mlp_layer_types");
  if (types.is_null()) return;
  if (!types.is_array() || static_cast<int64_t>(types.size()) != config.num_hidden_layers)
    fields.refuse("mlp_layer_types", concat("a list of ", config.num_hidden_layers, " strings"));
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
    if (types[static_cast<size_t>(layer)] != (config.is_moe_layer(layer) ? "sparse" : "dense"))
      unsupported(fields, "mlp_layer_types", json_excerpt(types[static_cast<size_t>(layer)]),
                  " in layer ", layer, " contradicts first_k_dense_replace ",
                  config.first_k_dense_replace);
}

std::optional<Fp8Config> read_quantization(const JsonFields& fields) {
  const auto quantization = fields.object("quantization_config");
  if (!quantization) return std::nullopt;
  const std::string method = quantization->required_text("quant_method");
  if (method != "fp8")
    unsupported(*quantization, "quant_method", json_excerpt(method),
                " weights are not read here; expected fp8, or an unquantised or GGUF file");
  if (const auto fmt = quantization->text("fmt"); fmt && *fmt != "e4m3")
    unsupported(*quantization, "fmt", json_excerpt(*fmt), " is not read here; expected e4m3");
  Fp8Config fp8;
  if (quantization->has("weight_block_size")) {
    const std::vector<int64_t> size = quantization->integers("weight_block_size");
    if (size.size() != 2) quantization->refuse("weight_block_size", "two integers");
    fp8.block_rows = size[0];
    fp8.block_cols = size[1];
  }
  if (const auto scale = quantization->text("scale_fmt"); scale && *scale != "float") {
    if (*scale != "ue8m0")
      unsupported(*quantization, "scale_fmt", json_excerpt(*scale),
                  " is not read here; expected ue8m0");
    fp8.ue8m0_scales = true;
  }
  return fp8;
}

void refuse_other_architectures(const JsonFields& fields) {
  const json& names = fields.raw("architectures");
  if (names.is_null() || (names.is_array() && names.empty())) return;
  if (!names.is_array() || !names[0].is_string())
    fields.refuse("architectures", "a list of strings");
  const std::string name = names[0].get<std::string>();
  if (name.find("ForCausalLM") == std::string::npos)
    unsupported(fields, "architectures", json_excerpt(name),
                " is not a language model with an output head");
}

}  // namespace

std::string supported_model_types() { return "llama, qwen2, deepseek, deepseek_v2, deepseek_v3"; }

ModelConfig config_from_json(std::string_view text, const std::string& where) {
  const json object = parse_json_object(text, where);
  const JsonFields fields(object, where);
  const Family& family = find_family(fields);
  refuse_other_architectures(fields);
  refuse_switches(fields);
  if (const auto act = fields.text("hidden_act"); act && *act != "silu" && *act != "swish")
    unsupported(fields, "hidden_act", json_excerpt(*act), " is not computed here; expected silu");
  if (family.normalised != "qwen2" && fields.boolean("attention_bias").value_or(false))
    unsupported(fields, "attention_bias", "biases in attention are computed for qwen2 alone");

  ModelConfig config;
  config.model_type = family.normalised;
  config.attention = family.attention;
  config.vocab_size = fields.required_integer("vocab_size");
  config.hidden_size = fields.required_integer("hidden_size");
  config.intermediate_size = fields.required_integer("intermediate_size");
  config.num_hidden_layers = fields.required_integer("num_hidden_layers");
  config.num_attention_heads = fields.required_integer("num_attention_heads");
  config.max_position_embeddings = fields.required_integer("max_position_embeddings");
  config.rms_norm_eps = fields.number("rms_norm_eps").value_or(1e-6);
  config.tie_word_embeddings = fields.boolean("tie_word_embeddings").value_or(false);
  config.num_nextn_predict_layers = config.model_type == "deepseek_v3"
                                        ? fields.integer("num_nextn_predict_layers").value_or(0)
                                        : 0;
  config.torch_dtype = fields.text("torch_dtype").value_or(fields.text("dtype").value_or(""));
  config.bos_token_id = fields.integer("bos_token_id");
  config.eos_token_ids = fields.integers("eos_token_id");
  if (family.attention == AttentionKind::mla)
    read_mla(fields, config);
  else
    read_gqa(fields, config);
  read_rope(fields, config);
  refuse_sliding_window(fields, config);
  if (family.experts) read_experts(fields, config);
  config.fp8 = read_quantization(fields);
  config.validate(where);
  check_mlp_layer_types(fields, config);
  if (const auto qk = fields.integer("qk_head_dim");
      qk && config.attention == AttentionKind::mla && *qk != config.qk_head_dim())
    fields.refuse("qk_head_dim",
                  concat("qk_nope_head_dim + qk_rope_head_dim = ", config.qk_head_dim()));
  return config;
}

ModelConfig read_hf_config(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  return config_from_json(read_text_file(path, config_limit_bytes), path.string());
}

}  // namespace deepseek
