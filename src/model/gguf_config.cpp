// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/error.h"

namespace deepseek {
namespace {

/// Metadata under `<architecture>.`.
class Keys {
 public:
  explicit Keys(const GgufFile& file)
      : file_(file),
        metadata_(file.metadata()),
        architecture_(metadata_.get_string("general.architecture")) {}

  const std::string& architecture() const { return architecture_; }
  std::string full(const char* name) const { return architecture_ + "." + name; }

  int64_t required(const char* name) const { return uniform(name, true).value(); }
  std::optional<int64_t> integer(const char* name) const { return uniform(name, false); }
  std::optional<double> number(const char* name) const {
    const std::optional<double> value = metadata_.find_float(full(name));
    if (!value) return std::nullopt;
    return shortest_double(static_cast<float>(*value));
  }
  std::optional<bool> boolean(const char* name) const { return metadata_.find_bool(full(name)); }
  std::optional<std::string_view> text(const char* name) const {
    return metadata_.find_string(full(name));
  }

  template <class... Parts>
  [[noreturn]] void refuse(ErrorKind kind, const std::string& key, const Parts&... parts) const {
    fail(kind, file_.path().string(), ": ", key, ": ", parts...);
  }

 private:
  /// An integer, or a list of them, one a layer, that are all the same.
  std::optional<int64_t> uniform(const char* name, bool must_be) const {
    const std::string key = full(name);
    const GgufValue* value = metadata_.find(key);
    if (value == nullptr || value->type != GgufType::array)
      return must_be ? metadata_.get_uint(key) : metadata_.find_uint(key);
    const std::vector<int64_t> all = metadata_.get_ints(key);
    if (all.empty()) refuse(ErrorKind::bad_file, key, "expected a number, got an empty list");
    if (all[0] < 0) refuse(ErrorKind::bad_file, key, "expected 0 or more, got ", all[0]);
    if (std::any_of(all.begin(), all.end(), [&](int64_t one) { return one != all[0]; }))
      refuse(ErrorKind::unsupported, key, "layers of different sizes are not computed here");
    return all[0];
  }

  const GgufFile& file_;
  const GgufMetadata& metadata_;
  std::string architecture_;
};

void read_gqa(const Keys& keys, ModelConfig& config) {
  config.num_key_value_heads =
      keys.integer("attention.head_count_kv").value_or(config.num_attention_heads);
  if (const auto key_length = keys.integer("attention.key_length")) {
    config.head_dim = *key_length;
  } else {
    if (config.num_attention_heads < 1 || config.hidden_size % config.num_attention_heads != 0)
      keys.refuse(ErrorKind::bad_file, keys.full("attention.head_count"),
                  "expected a divisor of embedding_length ", config.hidden_size, ", got ",
                  config.num_attention_heads);
    config.head_dim = config.hidden_size / config.num_attention_heads;
  }
  const auto value_length = keys.integer("attention.value_length");
  if (value_length && *value_length != config.head_dim)
    keys.refuse(ErrorKind::unsupported, keys.full("attention.value_length"), "expected key_length ",
                config.head_dim, ", got ", *value_length);
  const auto rotated = keys.integer("rope.dimension_count");
  if (rotated && *rotated != config.head_dim)
    keys.refuse(ErrorKind::unsupported, keys.full("rope.dimension_count"),
                "expected the head size ", config.head_dim, ", got ", *rotated,
                "; partial rotation is not computed here");
}

void read_mla(const Keys& keys, ModelConfig& config) {
  config.num_key_value_heads = config.num_attention_heads;
  config.q_lora_rank = keys.integer("attention.q_lora_rank").value_or(0);
  config.kv_lora_rank = keys.required("attention.kv_lora_rank");
  config.qk_rope_head_dim = keys.required("rope.dimension_count");
  const auto mla_key = keys.integer("attention.key_length_mla");
  const int64_t key = mla_key ? *mla_key : keys.required("attention.key_length");
  const auto mla_value = keys.integer("attention.value_length_mla");
  config.v_head_dim = mla_value ? *mla_value : keys.required("attention.value_length");
  config.qk_nope_head_dim = key - config.qk_rope_head_dim;
  if (config.qk_nope_head_dim < 1)
    keys.refuse(ErrorKind::bad_file,
                keys.full(mla_key ? "attention.key_length_mla" : "attention.key_length"),
                "expected more than rope.dimension_count ", config.qk_rope_head_dim, ", got ", key);
}

void read_rope(const Keys& keys, const GgufFile& file, ModelConfig& config) {
  config.rope_theta = keys.number("rope.freq_base").value_or(10000);
  RopeScaling& rope = config.rope_scaling;
  const std::string_view type = keys.text("rope.scaling.type").value_or("none");
  if (type == "linear" || type == "yarn") {
    rope.type = type == "linear" ? RopeScaling::Type::linear : RopeScaling::Type::yarn;
    const auto factor = keys.number("rope.scaling.factor");
    if (!factor)
      keys.refuse(ErrorKind::bad_file, keys.full("rope.scaling.factor"),
                  "expected a positive number, got no such key");
    rope.factor = *factor;
  } else if (type != "none") {
    keys.refuse(ErrorKind::unsupported, keys.full("rope.scaling.type"), "\"", printable(type),
                "\" is not computed here; supported are none, linear and yarn");
  }
  if (rope.type == RopeScaling::Type::yarn) {
    rope.original_max_position_embeddings =
        static_cast<double>(keys.integer("rope.scaling.original_context_length")
                                .value_or(config.max_position_embeddings));
    rope.beta_fast = keys.number("rope.scaling.yarn_beta_fast").value_or(32);
    rope.beta_slow = keys.number("rope.scaling.yarn_beta_slow").value_or(1);
    if (config.attention == AttentionKind::mla) {
      // yarn_log_multiplier is 0.1 mscale_all_dim; it enters the softmax scale, while cos and sin
      // stay as they are, which mscale equal to mscale_all_dim says, unless our own keys differ.
      if (const auto multiplier = keys.number("rope.scaling.yarn_log_multiplier")) {
        rope.mscale_all_dim = shortest_double(static_cast<float>(*multiplier * 10));
        rope.mscale = keys.number("rope.scaling.yarn_mscale").value_or(*rope.mscale_all_dim);
      }
      rope.attention_factor = keys.number("rope.scaling.yarn_attention_factor");
      if (!rope.attention_factor && !rope.mscale_all_dim) rope.attention_factor = 1;
    } else if (const auto attention = keys.number("rope.scaling.attn_factor")) {
      rope.attention_factor = *attention * (0.1 * std::log(rope.factor) + 1);
    }
  }
  if (const GgufTensor* divisors = file.find("rope_freqs.weight")) {
    const Tensor values = file.to_f32(*divisors);
    rope.frequency_divisors.assign(values.values().begin(), values.values().end());
  }
}

void read_experts(const Keys& keys, const GgufFile& file, ModelConfig& config) {
  config.n_routed_experts = keys.integer("expert_count").value_or(0);
  if (config.n_routed_experts == 0) return;
  config.num_experts_per_tok = keys.required("expert_used_count");
  config.n_shared_experts = keys.integer("expert_shared_count").value_or(0);
  config.moe_intermediate_size = keys.required("expert_feed_forward_length");
  config.first_k_dense_replace = keys.integer("leading_dense_block_count").value_or(0);
  config.norm_topk_prob = keys.boolean("expert_weights_norm").value_or(false);
  config.routed_scaling_factor = keys.number("expert_weights_scale").value_or(1);
  config.aux_loss_alpha = keys.number("expert_aux_loss_alpha").value_or(0);
  config.seq_aux = keys.boolean("expert_seq_aux").value_or(true);
  if (config.routed_scaling_factor == 0) config.routed_scaling_factor = 1;
  const std::string biases =
      "blk." + std::to_string(config.first_k_dense_replace) + ".exp_probs_b.bias";
  const int64_t gating =
      keys.integer("expert_gating_func").value_or(file.find(biases) != nullptr ? 2 : 1);
  const int64_t groups = std::max<int64_t>(keys.integer("expert_group_count").value_or(1), 1);
  if (gating == 2) {
    config.scoring_func = RouterScoring::sigmoid;
    config.topk_method = RouterMethod::noaux_tc;
  } else if (gating == 0 || gating == 1) {
    config.topk_method = groups > 1 ? RouterMethod::group_limited_greedy : RouterMethod::greedy;
  } else {
    keys.refuse(ErrorKind::unsupported, keys.full("expert_gating_func"),
                "expected 1 (softmax) or 2 (sigmoid), got ", gating);
  }
  if (groups > 1) {
    config.n_group = groups;
    config.topk_group = keys.required("expert_group_used_count");
  }
}

void read_family(const Keys& keys, const GgufFile& file, ModelConfig& config) {
  const std::string& architecture = keys.architecture();
  if (architecture == "deepseek2") {
    config.attention = AttentionKind::mla;
    config.rope_pairing = RopePairing::interleaved;
    read_mla(keys, config);
    read_experts(keys, file, config);
    config.model_type =
        config.scoring_func == RouterScoring::sigmoid ? "deepseek_v3" : "deepseek_v2";
  } else {
    config.model_type = architecture;
    const bool qwen2 = architecture == "qwen2";
    config.attention_bias = qwen2;
    config.rope_pairing = qwen2 ? RopePairing::half : RopePairing::interleaved;
    if (!qwen2 && file.find("blk.0.attn_q.bias") != nullptr)
      keys.refuse(ErrorKind::unsupported, "blk.0.attn_q.bias",
                  "biases in attention are computed for qwen2 alone");
    read_gqa(keys, config);
    if (architecture == "deepseek") {
      read_experts(keys, file, config);
    } else if (keys.integer("expert_count").value_or(0) > 0) {
      keys.refuse(ErrorKind::unsupported, keys.full("expert_count"),
                  "experts are computed for deepseek and deepseek2 alone");
    }
  }
}

/// The keys that hold the fields of config.json.
std::vector<FieldSpelling> spellings(const Keys& keys) {
  constexpr std::array<std::pair<const char*, const char*>, 29> rows{{
      {"hidden_size", "embedding_length"},
      {"intermediate_size", "feed_forward_length"},
      {"num_hidden_layers", "block_count"},
      {"max_position_embeddings", "context_length"},
      {"num_attention_heads", "attention.head_count"},
      {"num_key_value_heads", "attention.head_count_kv"},
      {"head_dim", "attention.key_length"},
      {"q_lora_rank", "attention.q_lora_rank"},
      {"kv_lora_rank", "attention.kv_lora_rank"},
      {"qk_nope_head_dim", "attention.key_length_mla"},
      {"qk_rope_head_dim", "rope.dimension_count"},
      {"v_head_dim", "attention.value_length_mla"},
      {"rms_norm_eps", "attention.layer_norm_rms_epsilon"},
      {"latent_norm_eps", "attention.latent_norm_rms_epsilon"},
      {"rope_theta", "rope.freq_base"},
      {"rope_scaling.factor", "rope.scaling.factor"},
      {"rope_scaling.original_max_position_embeddings", "rope.scaling.original_context_length"},
      {"rope_scaling.beta_fast", "rope.scaling.yarn_beta_fast"},
      {"rope_scaling.beta_slow", "rope.scaling.yarn_beta_slow"},
      {"rope_scaling.mscale", "rope.scaling.yarn_mscale"},
      {"rope_scaling.mscale_all_dim", "rope.scaling.yarn_log_multiplier"},
      {"n_routed_experts", "expert_count"},
      {"n_shared_experts", "expert_shared_count"},
      {"num_experts_per_tok", "expert_used_count"},
      {"moe_intermediate_size", "expert_feed_forward_length"},
      {"first_k_dense_replace", "leading_dense_block_count"},
      {"n_group", "expert_group_count"},
      {"topk_group", "expert_group_used_count"},
      {"routed_scaling_factor", "expert_weights_scale"},
  }};
  std::vector<FieldSpelling> out{{"vocab_size", "the rows of token_embd.weight"},
                                 {"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                 {"eos_token_id", "tokenizer.ggml.eos_token_id"}};
  for (const auto& [published, key] : rows) out.push_back({published, keys.full(key)});
  return out;
}

int64_t vocabulary(const GgufFile& file) {
  const GgufTensor& embedding = file.get("token_embd.weight");
  if (embedding.shape.size() != 2)
    fail(ErrorKind::bad_file, file.path().string(),
         ": tensor token_embd.weight: expected [vocabulary, embedding_length], got ",
         shape_text(embedding.shape));
  return embedding.shape[0];
}

}  // namespace

double shortest_double(float value) {
  if (!std::isfinite(value)) return value;
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double out = value;
  std::from_chars(text.data(), end, out);
  return out;
}

ModelConfig config_from_gguf(const GgufFile& file) {
  const Keys keys(file);
  constexpr std::array<std::string_view, 4> architectures{"llama", "qwen2", "deepseek",
                                                          "deepseek2"};
  if (std::find(architectures.begin(), architectures.end(), keys.architecture()) ==
      architectures.end())
    keys.refuse(ErrorKind::unsupported, "general.architecture", "\"",
                printable(keys.architecture()),
                "\" does not run here; supported are llama, qwen2, deepseek, deepseek2");
  ModelConfig config;
  config.hidden_size = keys.required("embedding_length");
  config.intermediate_size = keys.required("feed_forward_length");
  config.num_hidden_layers = keys.required("block_count");
  config.num_attention_heads = keys.required("attention.head_count");
  config.max_position_embeddings = keys.required("context_length");
  read_family(keys, file, config);
  const auto eps = keys.number("attention.layer_norm_rms_epsilon");
  if (!eps)
    keys.refuse(ErrorKind::bad_file, keys.full("attention.layer_norm_rms_epsilon"),
                "expected a positive number, got no such key");
  config.rms_norm_eps = *eps;
  if (config.attention == AttentionKind::mla)
    config.latent_norm_eps = keys.number("attention.latent_norm_rms_epsilon").value_or(*eps);
  read_rope(keys, file, config);
  const int64_t window = keys.integer("attention.sliding_window").value_or(0);
  if (window > 0 && window < config.max_position_embeddings)
    keys.refuse(ErrorKind::unsupported, keys.full("attention.sliding_window"), "a window of ",
                window, " tokens is not computed here");
  config.vocab_size = vocabulary(file);
  config.tie_word_embeddings = file.find("output.weight") == nullptr;
  const GgufMetadata& metadata = file.metadata();
  config.bos_token_id = metadata.find_uint("tokenizer.ggml.bos_token_id");
  if (const auto eos = metadata.find_uint("tokenizer.ggml.eos_token_id"))
    config.eos_token_ids = {*eos};
  config.validate(file.path().string(), spellings(keys));
  return config;
}

GenerationConfig generation_config_from_gguf(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  GenerationConfig config;
  config.bos_token_id = metadata.find_uint("tokenizer.ggml.bos_token_id");
  config.pad_token_id = metadata.find_uint("tokenizer.ggml.padding_token_id");
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"})
    if (const auto id = metadata.find_uint(key)) config.eos_token_ids.push_back(*id);
  constexpr std::array<std::string_view, 7> ends{
      "<|eot_id|>", "<|im_end|>",           "<|EOT|>", "<|end_of_text|>", "<|endoftext|>",
      "<|eom_id|>", "<｜end▁of▁sentence｜>"};
  constexpr int64_t control = 3;
  const auto tokens = metadata.find_strings("tokenizer.ggml.tokens");
  const auto types = metadata.find_ints("tokenizer.ggml.token_type");
  if (tokens && types)
    for (size_t id = 0; id < std::min(tokens->size(), types->size()); ++id)
      if ((*types)[id] == control &&
          std::find(ends.begin(), ends.end(), (*tokens)[id]) != ends.end())
        config.eos_token_ids.push_back(static_cast<int64_t>(id));
  drop_repetitions(config.eos_token_ids);
  const auto number = [&](const char* key) -> std::optional<double> {
    const std::optional<double> value = metadata.find_float(key);
    return value ? std::optional(shortest_double(static_cast<float>(*value))) : std::nullopt;
  };
  config.temperature = number("general.sampling.temp");
  config.top_p = number("general.sampling.top_p");
  config.min_p = number("general.sampling.min_p");
  config.repetition_penalty = number("general.sampling.penalty_repeat");
  config.top_k = metadata.find_int("general.sampling.top_k");
  if (config.temperature) config.do_sample = *config.temperature > 0;
  config.validate(file.path().string());
  return config;
}

}  // namespace deepseek
