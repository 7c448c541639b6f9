// SPDX-License-Identifier: Apache-2.0
#include "nn/gqa.h"

#include <array>
#include <cmath>

#include "ops/attention.h"
#include "ops/shape.h"

namespace deepseek {

// Suffixes: t tokens, h query heads, g key-value heads, k head_dim.

Gqa::Gqa(ParamSource& source, const std::string& prefix, const Config& config)
    : config_(config),
      q_proj_(source, prefix + ".q_proj", config.num_attention_heads * config.head_dim,
              config.hidden_size, config.has_qkv_bias),
      k_proj_(source, prefix + ".k_proj", config.num_key_value_heads * config.head_dim,
              config.hidden_size, config.has_qkv_bias),
      v_proj_(source, prefix + ".v_proj", config.num_key_value_heads * config.head_dim,
              config.hidden_size, config.has_qkv_bias),
      o_proj_(source, prefix + ".o_proj", config.hidden_size,
              config.num_attention_heads * config.head_dim) {}

Tensor Gqa::forward(const Tensor& x_td, const AttentionContext& context) const {
  const int64_t tokens = x_td.dim(0), h = config_.num_attention_heads;
  const int64_t g = config_.num_key_value_heads, k = config_.head_dim;
  const std::array<const Linear*, 3> projections{&q_proj_, &k_proj_, &v_proj_};
  const std::vector<Tensor> qkv = forward_many(x_td, projections);
  const auto rotate = [&](const Tensor& x, int64_t heads) {
    return rope(reshape(x, {tokens, heads, k}), context.rope, config_.pairing);
  };
  const Tensor q_thk = rotate(qkv[0], h), k_tgk = rotate(qkv[1], g);
  const Tensor v_tgk = reshape(qkv[2], {tokens, g, k});
  const float softmax_scale = 1 / std::sqrt(static_cast<float>(k));
  const Tensor out_thk = context.cache == nullptr
                             ? attend(q_thk, k_tgk, v_tgk, context.batch.spans, softmax_scale)
                             : context.cache->attend_kv(q_thk, k_tgk, v_tgk, softmax_scale);
  return o_proj_.forward(reshape(out_thk, {tokens, h * k}));
}

void Gqa::each_linear(const std::function<void(Linear&)>& visit) {
  visit(q_proj_);
  visit(k_proj_);
  visit(v_proj_);
  visit(o_proj_);
}

}  // namespace deepseek
