// SPDX-License-Identifier: Apache-2.0
#include "nn/mla.h"

#include <array>

#include "ops/attention.h"
#include "ops/heads.h"
#include "ops/shape.h"

namespace deepseek {

// Suffixes: t tokens, d hidden, h heads, r latent rank.

Mla::Mla(ParamSource& source, const std::string& prefix, const Config& config) : config_(config) {
  const int64_t d = config.hidden_size, h = config.num_attention_heads;
  const int64_t q_width = h * (config.qk_nope_head_dim + config.qk_rope_head_dim);
  if (config.q_lora_rank == 0) {
    q_proj_ = Linear(source, prefix + ".q_proj", q_width, d);
  } else {
    q_a_proj_ = Linear(source, prefix + ".q_a_proj", config.q_lora_rank, d);
    q_a_layernorm_ =
        RmsNorm(source, prefix + ".q_a_layernorm", config.q_lora_rank, config.latent_norm_eps);
    q_b_proj_ = Linear(source, prefix + ".q_b_proj", q_width, config.q_lora_rank);
  }
  kv_a_proj_with_mqa_ = Linear(source, prefix + ".kv_a_proj_with_mqa",
                               config.kv_lora_rank + config.qk_rope_head_dim, d);
  kv_a_layernorm_ =
      RmsNorm(source, prefix + ".kv_a_layernorm", config.kv_lora_rank, config.latent_norm_eps);
  kv_b_proj_ = LatentUp(source, prefix,
                        {.heads = h,
                         .nope = config.qk_nope_head_dim,
                         .v = config.v_head_dim,
                         .rank = config.kv_lora_rank,
                         .expanded = config.expanded,
                         .absorbed = config.absorbed});
  o_proj_ = Linear(source, prefix + ".o_proj", d, h * config.v_head_dim);
}

Tensor Mla::forward(const Tensor& x_td, const AttentionContext& context) const {
  const int64_t tokens = x_td.dim(0), h = config_.num_attention_heads;
  const int64_t nope = config_.qk_nope_head_dim, rope_dim = config_.qk_rope_head_dim;
  const std::array<const Linear*, 2> first{config_.q_lora_rank == 0 ? &q_proj_ : &q_a_proj_,
                                           &kv_a_proj_with_mqa_};
  const std::vector<Tensor> projected = forward_many(x_td, first);
  const Tensor q = config_.q_lora_rank == 0
                       ? projected[0]
                       : q_b_proj_.forward(q_a_layernorm_.forward(projected[0]));
  const auto rotate = [&](const Tensor& x) { return rope(x, context.rope, config_.pairing); };
  const auto q_parts = split_last(reshape(q, {tokens, h, nope + rope_dim}), {nope, rope_dim});
  const auto kv_parts = split_last(projected[1], {config_.kv_lora_rank, rope_dim});
  const Tensor& q_nope = q_parts[0];
  const Tensor q_pe = rotate(q_parts[1]);
  const Tensor latent_tr = kv_a_layernorm_.forward(kv_parts[0]);
  const Tensor k_pe = rotate(reshape(kv_parts[1], {tokens, 1, rope_dim}));

  Tensor out_thv;
  if (context.cache == nullptr) {
    const auto kv = split_last(kv_b_proj_.expand(latent_tr), {nope, config_.v_head_dim});
    const std::array<Tensor, 2> q_full{q_nope, q_pe};
    const std::array<Tensor, 2> k_full{kv[0], repeat_heads(reshape(k_pe, {tokens, rope_dim}), h)};
    out_thv = attend(concat_last(q_full), concat_last(k_full), kv[1], context.batch.spans,
                     config_.softmax_scale);
  } else {
    const Tensor context_thr =
        context.cache->attend_latent(kv_b_proj_.absorb_query(q_nope, q_pe), latent_tr,
                                     reshape(k_pe, {tokens, rope_dim}), config_.softmax_scale);
    out_thv = kv_b_proj_.project_values(context_thr);
  }
  return o_proj_.forward(reshape(out_thv, {tokens, h * config_.v_head_dim}));
}

void Mla::each_linear(const std::function<void(Linear&)>& visit) {
  for (Linear* linear : {&q_proj_, &q_a_proj_, &q_b_proj_, &kv_a_proj_with_mqa_, &o_proj_})
    if (linear->defined()) visit(*linear);
}

}  // namespace deepseek
