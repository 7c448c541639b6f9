// SPDX-License-Identifier: Apache-2.0
#include "model/decoder_layer.h"

#include <cmath>

#include "nn/gqa.h"
#include "nn/mla.h"
#include "ops/elementwise.h"
#include "ops/shape.h"

namespace deepseek {
namespace {

RouterConfig router_of(const ModelConfig& c) {
  RouterConfig router;
  router.n_routed_experts = c.n_routed_experts;
  router.num_experts_per_tok = c.num_experts_per_tok;
  router.n_group = c.n_group;
  router.topk_group = c.topk_group;
  router.scoring = c.scoring_func;
  router.topk_method = c.topk_method;
  router.norm_topk_prob = c.norm_topk_prob;
  router.routed_scaling_factor = c.routed_scaling_factor;
  return router;
}

std::unique_ptr<Attention> make_attention(ParamSource& source, const std::string& prefix,
                                          const ModelConfig& c, const PassOptions& passes) {
  if (c.attention == AttentionKind::gqa)
    return std::make_unique<Gqa>(source, prefix,
                                 Gqa::Config{.hidden_size = c.hidden_size,
                                             .num_attention_heads = c.num_attention_heads,
                                             .num_key_value_heads = c.num_key_value_heads,
                                             .head_dim = c.head_dim,
                                             .has_qkv_bias = c.attention_bias,
                                             .pairing = c.rope_pairing});
  return std::make_unique<Mla>(source, prefix,
                               Mla::Config{.hidden_size = c.hidden_size,
                                           .num_attention_heads = c.num_attention_heads,
                                           .q_lora_rank = c.q_lora_rank,
                                           .kv_lora_rank = c.kv_lora_rank,
                                           .qk_nope_head_dim = c.qk_nope_head_dim,
                                           .qk_rope_head_dim = c.qk_rope_head_dim,
                                           .v_head_dim = c.v_head_dim,
                                           .latent_norm_eps = c.latent_norm_eps,
                                           .softmax_scale = softmax_scale(c),
                                           .pairing = c.rope_pairing,
                                           .expanded = passes.expanded,
                                           .absorbed = passes.absorbed});
}

}  // namespace

RopeFrequencies rope_frequencies(const ModelConfig& config) {
  return rope_frequencies(config.rope_dim(), config.rope_theta, config.rope_scaling);
}

float softmax_scale(const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  double scale = 1 / std::sqrt(static_cast<double>(config.qk_head_dim()));
  const double mscale = scaling.mscale_all_dim.value_or(0);
  if (config.attention == AttentionKind::mla && scaling.type == RopeScaling::Type::yarn &&
      mscale != 0 && scaling.factor > 1) {
    const double m = yarn_mscale(scaling.factor, mscale);
    scale *= m * m;
  }
  return static_cast<float>(scale);
}

DecoderLayer::DecoderLayer(ParamSource& source, const std::string& prefix, int64_t layer,
                           const ModelConfig& config, const PassOptions& passes)
    : layer_(layer),
      input_layernorm_(source, prefix + ".input_layernorm", config.hidden_size,
                       config.rms_norm_eps),
      post_attention_layernorm_(source, prefix + ".post_attention_layernorm", config.hidden_size,
                                config.rms_norm_eps),
      self_attn_(make_attention(source, prefix + ".self_attn", config, passes)) {
  if (config.is_moe_layer(layer))
    moe_ = std::make_unique<Moe>(
        source, prefix + ".mlp",
        Moe::Config{.hidden_size = config.hidden_size,
                    .moe_intermediate_size = config.moe_intermediate_size,
                    .n_shared_experts = config.n_shared_experts,
                    .has_correction_bias = config.topk_method == RouterMethod::noaux_tc,
                    .router = router_of(config)});
  else
    mlp_ = std::make_unique<Mlp>(source, prefix + ".mlp", config.hidden_size,
                                 config.intermediate_size);
}

Tensor DecoderLayer::forward(const Tensor& hidden_td, const AttentionContext& context, Probe* probe,
                             const std::vector<int64_t>* rows) const {
  const Tensor attended = self_attn_->forward(input_layernorm_.forward(hidden_td), context);
  if (probe != nullptr) probe->attended(layer_, attended);
  Tensor middle = add(hidden_td, attended);
  if (rows != nullptr) middle = gather_rows(middle, *rows);
  if (middle.dim(0) == 0) return middle;
  const Tensor x = post_attention_layernorm_.forward(middle);
  const Tensor out = add(middle, moe_ ? moe_->forward(x, layer_, probe) : mlp_->forward(x));
  if (probe != nullptr) probe->layer_done(layer_, out);
  return out;
}

void DecoderLayer::each_linear(const std::function<void(Linear&)>& visit) {
  self_attn_->each_linear(visit);
  if (moe_)
    moe_->each_linear(visit);
  else
    mlp_->each_linear(visit);
}

}  // namespace deepseek
