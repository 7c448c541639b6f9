// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace deepseek {
namespace {

constexpr int64_t max_vocab = 1 << 24;
constexpr int64_t max_width = 1 << 22;
constexpr int64_t max_layers = 4096;
constexpr int64_t max_heads = 4096;
constexpr int64_t max_experts = 1 << 14;
constexpr int64_t max_experts_of_all_layers = 1 << 17;
constexpr int64_t max_positions = int64_t{1} << 30;
constexpr double max_parameters = 0x1p50;
constexpr double max_cache_values = 0x1p50;

/// `text` with every published name that stands as a word of its own spelled as the file has it.
std::string spelled(const std::string& text, std::span<const FieldSpelling> spellings) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789_.";
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_not_of(letters, at), text.size());
    const std::string_view word = std::string_view(text).substr(at, end - at);
    const auto found = std::ranges::find(spellings, word, &FieldSpelling::published);
    out += found == spellings.end() ? word : std::string_view(found->spelled);
    if (end < text.size()) out += text[end];
    at = end + 1;
  }
  return out;
}

class Checker {
 public:
  Checker(const std::string& where, std::span<const FieldSpelling> spellings)
      : where_(where), spellings_(spellings) {}

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorKind::bad_file, where_, ": ", spelled(concat(parts...), spellings_),
         "; correct it, or take the file from the model's publication");
  }

  void size(const char* name, int64_t value, int64_t low, int64_t high) const {
    if (value < low || value > high)
      refuse(name, ": expected an integer from ", low, " to ", high, ", got ", value);
  }

  void positive(const char* name, double value, double high) const {
    if (!(value > 0 && value <= high))
      refuse(name, ": expected a positive number up to ", high, ", got ", value);
  }

  void token(const char* name, int64_t id, int64_t vocab_size) const {
    if (id < 0 || id >= vocab_size)
      refuse(name, ": expected a token id below vocab_size ", vocab_size, ", got ", id);
  }

 private:
  const std::string& where_;
  std::span<const FieldSpelling> spellings_;
};

void check_attention(const ModelConfig& c, const Checker& check) {
  check.size("num_attention_heads", c.num_attention_heads, 1, max_heads);
  check.size("num_key_value_heads", c.num_key_value_heads, 1, max_heads);
  if (c.attention == AttentionKind::gqa) {
    check.size("head_dim", c.head_dim, 1, max_width);
    if (c.num_attention_heads % c.num_key_value_heads != 0)
      check.refuse("num_key_value_heads: expected a divisor of num_attention_heads ",
                   c.num_attention_heads, ", got ", c.num_key_value_heads);
  } else {
    check.size("q_lora_rank", c.q_lora_rank, 0, max_width);
    check.size("kv_lora_rank", c.kv_lora_rank, 1, max_width);
    check.size("qk_nope_head_dim", c.qk_nope_head_dim, 1, max_width);
    check.size("qk_rope_head_dim", c.qk_rope_head_dim, 1, max_width);
    check.size("v_head_dim", c.v_head_dim, 1, max_width);
    if (c.num_key_value_heads != c.num_attention_heads)
      check.refuse("num_key_value_heads: expected num_attention_heads ", c.num_attention_heads,
                   " since latent attention has no groups, got ", c.num_key_value_heads);
  }
  if (c.rope_dim() % 2 != 0)
    check.refuse(c.attention == AttentionKind::mla ? "qk_rope_head_dim" : "head_dim",
                 ": expected an even number, as rotary pairs need, got ", c.rope_dim());
}

void check_rope(const ModelConfig& c, const Checker& check) {
  check.positive("rope_theta", c.rope_theta, 1e15);
  const RopeScaling& r = c.rope_scaling;
  check.positive("rope_scaling.factor", r.factor, 1e6);
  if (r.type == RopeScaling::Type::llama3 || r.type == RopeScaling::Type::yarn)
    check.positive("rope_scaling.original_max_position_embeddings",
                   r.original_max_position_embeddings, max_positions);
  if (r.type == RopeScaling::Type::llama3) {
    check.positive("rope_scaling.low_freq_factor", r.low_freq_factor, 1e6);
    check.positive("rope_scaling.high_freq_factor", r.high_freq_factor, 1e6);
    if (r.high_freq_factor <= r.low_freq_factor)
      check.refuse("rope_scaling.high_freq_factor: expected more than low_freq_factor ",
                   r.low_freq_factor, ", got ", r.high_freq_factor);
  }
  if (r.type == RopeScaling::Type::yarn) {
    check.positive("rope_scaling.beta_fast", r.beta_fast, 1e6);
    check.positive("rope_scaling.beta_slow", r.beta_slow, 1e6);
    if (r.beta_fast < r.beta_slow)
      check.refuse("rope_scaling.beta_fast: expected at least beta_slow ", r.beta_slow, ", got ",
                   r.beta_fast);
    for (const auto& [name, value] : {std::pair{"rope_scaling.mscale", r.mscale},
                                      std::pair{"rope_scaling.mscale_all_dim", r.mscale_all_dim}})
      if (value && !(*value >= 0 && *value <= 1e3))
        check.refuse(name, ": expected a number from 0 to 1000, got ", *value);
    if (r.attention_factor)
      check.positive("rope_scaling.attention_factor", *r.attention_factor, 1e3);
  }
  if (!r.frequency_divisors.empty()) {
    if (static_cast<int64_t>(r.frequency_divisors.size()) != c.rope_dim() / 2)
      check.refuse("rope_freqs: expected ", c.rope_dim() / 2, " divisors, got ",
                   r.frequency_divisors.size());
    for (float divisor : r.frequency_divisors)
      check.positive("rope_freqs", divisor, std::numeric_limits<float>::max());
  }
}

void check_experts(const ModelConfig& c, const Checker& check) {
  check.size("n_routed_experts", c.n_routed_experts, 0, max_experts);
  if (c.n_routed_experts == 0) return;
  const int64_t layers = c.num_hidden_layers + c.num_nextn_predict_layers;
  if (c.n_routed_experts * layers > max_experts_of_all_layers)
    check.refuse("n_routed_experts: expected at most ", max_experts_of_all_layers,
                 " experts in all layers, got ", c.n_routed_experts, " in each of ", layers);
  check.size("n_shared_experts", c.n_shared_experts, 0, max_experts);
  check.size("num_experts_per_tok", c.num_experts_per_tok, 1, max_experts);
  check.size("moe_intermediate_size", c.moe_intermediate_size, 1, max_width);
  check.size("first_k_dense_replace", c.first_k_dense_replace, 0, c.num_hidden_layers);
  check.size("moe_layer_freq", c.moe_layer_freq, 1, max_layers);
  check.size("n_group", c.n_group, 1, max_experts);
  check.size("topk_group", c.topk_group, 1, max_experts);
  check.positive("routed_scaling_factor", c.routed_scaling_factor, 1e6);
  if (!(c.aux_loss_alpha >= 0 && c.aux_loss_alpha <= 1e6))
    check.refuse("aux_loss_alpha: expected a number from 0 to 1e6, got ", c.aux_loss_alpha);
  if (c.n_routed_experts % c.n_group != 0)
    check.refuse("n_group: expected a divisor of n_routed_experts ", c.n_routed_experts, ", got ",
                 c.n_group);
  if (c.topk_group > c.n_group)
    check.refuse("topk_group: expected at most n_group ", c.n_group, ", got ", c.topk_group);
  const int64_t group_size = c.n_routed_experts / c.n_group;
  if (c.topk_method == RouterMethod::noaux_tc && c.n_group > 1 && group_size < 2)
    check.refuse("n_group: expected groups of at least two experts, as noaux_tc ranks them by ",
                 "their two best, got ", c.n_group, " groups of ", c.n_routed_experts, " experts");
  if (c.num_experts_per_tok > c.topk_group * group_size)
    check.refuse("num_experts_per_tok: expected at most the ", c.topk_group * group_size,
                 " experts of the groups that are kept, got ", c.num_experts_per_tok);
}

/// Parameters of the parts of one layer; T is double where a config is not known to be sane yet.
template <class T>
struct Sizes {
  T attention = 0, norms = 0, dense_mlp = 0, moe_mlp = 0, moe_mlp_active = 0;
};

template <class T>
Sizes<T> layer_sizes(const ModelConfig& c) {
  const auto product = [](int64_t a, int64_t b) { return static_cast<T>(a) * static_cast<T>(b); };
  Sizes<T> s;
  const int64_t d = c.hidden_size, heads = c.num_attention_heads;
  if (c.attention == AttentionKind::gqa) {
    const int64_t q = heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
    s.attention = product(d, 2 * q + 2 * kv);
    if (c.attention_bias) s.attention += static_cast<T>(q + 2 * kv);
  } else {
    const int64_t q = heads * c.qk_head_dim();
    s.attention = c.q_lora_rank > 0 ? product(c.q_lora_rank, d + q) + static_cast<T>(c.q_lora_rank)
                                    : product(d, q);
    s.attention += product(d, c.kv_lora_rank + c.qk_rope_head_dim) +
                   static_cast<T>(c.kv_lora_rank) +
                   product(c.kv_lora_rank, heads * (c.qk_nope_head_dim + c.v_head_dim)) +
                   product(heads * c.v_head_dim, d);
  }
  s.norms = static_cast<T>(2 * d);
  s.dense_mlp = product(3 * d, c.intermediate_size);
  const T expert = product(3 * d, c.moe_intermediate_size);
  const T router =
      product(c.n_routed_experts, d + (c.topk_method == RouterMethod::noaux_tc ? 1 : 0));
  s.moe_mlp = static_cast<T>(c.n_routed_experts + c.n_shared_experts) * expert + router;
  s.moe_mlp_active = static_cast<T>(c.num_experts_per_tok + c.n_shared_experts) * expert + router;
  return s;
}

}  // namespace

void ModelConfig::validate(const std::string& where,
                           std::span<const FieldSpelling> spellings) const {
  const Checker check(where, spellings);
  check.size("vocab_size", vocab_size, 1, max_vocab);
  check.size("hidden_size", hidden_size, 1, max_width);
  check.size("intermediate_size", intermediate_size, 1, max_width);
  check.size("num_hidden_layers", num_hidden_layers, 1, max_layers);
  check.size("max_position_embeddings", max_position_embeddings, 1, max_positions);
  check.size("num_nextn_predict_layers", num_nextn_predict_layers, 0, max_layers);
  check.positive("rms_norm_eps", rms_norm_eps, 1);
  check.positive("latent_norm_eps", latent_norm_eps, 1);
  check_attention(*this, check);
  check_rope(*this, check);
  check_experts(*this, check);
  if (fp8) {
    check.size("quantization_config.weight_block_size", fp8->block_rows, 1, max_width);
    check.size("quantization_config.weight_block_size", fp8->block_cols, 1, max_width);
  }
  if (bos_token_id) check.token("bos_token_id", *bos_token_id, vocab_size);
  for (int64_t id : eos_token_ids) check.token("eos_token_id", id, vocab_size);

  const Sizes<double> s = layer_sizes<double>(*this);
  const double total = 2.0 * static_cast<double>(vocab_size) * static_cast<double>(hidden_size) +
                       static_cast<double>(num_hidden_layers + num_nextn_predict_layers) *
                           (s.attention + s.dense_mlp + s.moe_mlp);
  if (total > max_parameters)
    check.refuse("the sizes multiply to ", total, " parameters; expected at most ", max_parameters,
                 "; check hidden_size, num_hidden_layers and the expert sizes");
  const double cache = static_cast<double>(num_hidden_layers * cache_values_per_token()) *
                       static_cast<double>(max_position_embeddings);
  if (cache > max_cache_values)
    check.refuse("max_position_embeddings: the cache of ", max_position_embeddings, " tokens has ",
                 cache, " values; expected at most ", max_cache_values);
}

ParameterCount count_parameters(const ModelConfig& config) {
  const Sizes<int64_t> s = layer_sizes<int64_t>(config);
  const int64_t d = config.hidden_size;
  ParameterCount count;
  count.total = config.vocab_size * d * (config.tie_word_embeddings ? 1 : 2) + d;
  count.active = count.total;
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool moe = config.is_moe_layer(layer);
    count.total += s.attention + s.norms + (moe ? s.moe_mlp : s.dense_mlp);
    count.active += s.attention + s.norms + (moe ? s.moe_mlp_active : s.dense_mlp);
  }
  for (int64_t layer = 0; layer < config.num_nextn_predict_layers; ++layer) {
    const bool moe = config.is_moe_layer(config.num_hidden_layers + layer);
    count.mtp += s.attention + s.norms + (moe ? s.moe_mlp : s.dense_mlp);
    count.mtp_projection += 3 * d + 2 * d * d;
  }
  return count;
}

}  // namespace deepseek
