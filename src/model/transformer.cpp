// SPDX-License-Identifier: Apache-2.0
#include "model/transformer.h"

#include <array>

#include "nn/layer_cache.h"
#include "ops/embedding.h"
#include "ops/linear.h"
#include "ops/shape.h"

namespace deepseek {

CacheLayout cache_layout(const ModelConfig& config, DType dtype) {
  CacheLayout layout;
  layout.latent = config.attention == AttentionKind::mla;
  layout.layers = config.num_hidden_layers;
  layout.dtype = dtype;
  if (layout.latent) {
    layout.rank = config.kv_lora_rank;
    layout.rope = config.qk_rope_head_dim;
  } else {
    layout.kv_heads = config.num_key_value_heads;
    layout.k_dim = layout.v_dim = config.head_dim;
  }
  return layout;
}

Transformer::Transformer(const ModelConfig& config, ParamSource& source, const PassOptions& passes)
    : config_(config) {
  const int64_t d = config.hidden_size;
  const bool tied = config.tie_word_embeddings;
  embed_tokens_ = source.weight("model.embed_tokens.weight", config.vocab_size, d,
                                tied ? ParamSource::Use::linear : ParamSource::Use::gather);
  frequencies_ = rope_frequencies(config);
  const auto layer_at = [&](int64_t layer) {
    return DecoderLayer(source, concat("model.layers.", layer), layer, config, passes);
  };
  layers_.reserve(static_cast<size_t>(config.num_hidden_layers));
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
    layers_.push_back(layer_at(layer));
  norm_ = RmsNorm(source, "model.norm", d, config.rms_norm_eps);
  lm_head_ = tied ? embed_tokens_
                  : source.weight("lm_head.weight", config.vocab_size, d, ParamSource::Use::linear);
  for (int64_t i = 0; i < config.num_nextn_predict_layers; ++i) {
    const int64_t layer = config.num_hidden_layers + i;
    const std::string prefix = concat("model.layers.", layer);
    if (!source.has(prefix + ".eh_proj.weight")) break;
    mtp_.push_back({RmsNorm(source, prefix + ".enorm", d, config.rms_norm_eps),
                    RmsNorm(source, prefix + ".hnorm", d, config.rms_norm_eps),
                    Linear(source, prefix + ".eh_proj", d, 2 * d), layer_at(layer),
                    RmsNorm(source, prefix + ".shared_head.norm", d, config.rms_norm_eps)});
  }
}

Tensor Transformer::embed_rows(const std::vector<int32_t>& tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || tokens[i] >= config_.vocab_size)
      fail(ErrorKind::invalid_input, "token ", i, ": expected an id in [0, ", config_.vocab_size,
           "), got ", tokens[i]);
  return embed(embed_tokens_, tokens);
}

Tensor Transformer::forward(const Batch& batch, const CacheView* cache, Probe* probe,
                            const std::vector<int64_t>* rows) const {
  Tensor hidden_td = embed_rows(batch.tokens);
  if (probe != nullptr) probe->embedded(hidden_td);
  const RopeTable rope = rope_table(batch.positions, frequencies_);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const std::vector<int64_t>* wanted = i + 1 == layers_.size() ? rows : nullptr;
    if (cache == nullptr) {
      hidden_td = layers_[i].forward(hidden_td, {batch, rope}, probe, wanted);
    } else {
      const LayerCache layer_cache(*cache, batch, static_cast<int64_t>(i));
      hidden_td = layers_[i].forward(hidden_td, {batch, rope, &layer_cache}, probe, wanted);
    }
  }
  return hidden_td;
}

Tensor Transformer::logits(const Tensor& normed_nd) const { return linear(normed_nd, lm_head_); }

Tensor Transformer::mtp_forward(const Batch& batch, const Tensor& hidden_td) const {
  if (mtp_.empty())
    fail(ErrorKind::unsupported,
         "this model has no multi-token prediction layer (num_nextn_predict_layers); use a "
         "checkpoint that carries it");
  const MtpLayer& mtp = mtp_.front();
  Batch shifted;
  std::vector<int64_t> rows;
  for (const Span& span : batch.spans) {
    std::vector<int32_t> next;
    for (int64_t i = 0; i + 1 < span.length; ++i) {
      rows.push_back(span.first_row + i);
      next.push_back(batch.tokens[static_cast<size_t>(span.first_row + i + 1)]);
    }
    shifted.append(next, batch.positions[static_cast<size_t>(span.first_row)]);
  }
  const std::array<Tensor, 2> parts{mtp.enorm.forward(embed_rows(shifted.tokens)),
                                    mtp.hnorm.forward(gather_rows(hidden_td, rows))};
  const RopeTable rope = rope_table(shifted.positions, frequencies_);
  const Tensor x_td = mtp.eh_proj.forward(concat_last(parts));
  return mtp.shared_head_norm.forward(mtp.layer.forward(x_td, {shifted, rope}, nullptr));
}

void Transformer::each_linear(const std::function<void(Linear&)>& visit) {
  for (DecoderLayer& layer : layers_) layer.each_linear(visit);
}

}  // namespace deepseek
