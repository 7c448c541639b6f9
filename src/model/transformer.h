// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "model/config.h"
#include "model/decoder_layer.h"
#include "nn/cache.h"

namespace deepseek {

/// Multi-token prediction layer (DeepSeek-V3, section 2.2; one of `num_nextn_predict_layers`).
/// It shares the embedding and the head of the main model.
struct MtpLayer {
  RmsNorm enorm, hnorm;
  Linear eh_proj;  // [d, 2 d], embedding first
  DecoderLayer layer;
  RmsNorm shared_head_norm;
};

/// What a page of a model's cache holds.
CacheLayout cache_layout(const ModelConfig& config, DType dtype);

/// The decoder of every family, wired by its config. Without a cache it scores or trains; with one
/// it serves: the same modules, the same weights.
class Transformer {
 public:
  /// Throws bad_file when the source lacks a tensor or has it in another shape.
  Transformer(const ModelConfig& config, ParamSource& source, const PassOptions& passes);

  const ModelConfig& config() const { return config_; }
  CacheLayout cache_layout(DType dtype) const { return deepseek::cache_layout(config_, dtype); }

  /// The residual stream after the last layer, before the final norm, [T, d], or [rows, d] where
  /// only `rows` are wanted. Token ids must be within the vocabulary: throws invalid_input
  /// otherwise.
  Tensor forward(const Batch& batch, const CacheView* cache = nullptr, Probe* probe = nullptr,
                 const std::vector<int64_t>* rows = nullptr) const;
  /// The final norm, [N, d] -> [N, d].
  Tensor norm(const Tensor& hidden_nd) const { return norm_.forward(hidden_nd); }
  /// Normed rows to logits, [N, d] -> [N, vocab].
  Tensor logits(const Tensor& normed_nd) const;
  const Weight& head() const { return lm_head_; }

  bool has_mtp() const { return !mtp_.empty(); }
  /// The first MTP layer over whole sequences. `hidden_td` is what forward gave for `batch`, or
  /// its final norm. A span of n tokens gives n - 1 rows, row i from hidden i and token i + 1,
  /// ready for logits(), predicting token i + 2.
  Tensor mtp_forward(const Batch& batch, const Tensor& hidden_td) const;

  void each_linear(const std::function<void(Linear&)>& visit);

 private:
  Tensor embed_rows(const std::vector<int32_t>& tokens) const;

  ModelConfig config_;
  RopeFrequencies frequencies_;
  Weight embed_tokens_;
  std::vector<DecoderLayer> layers_;
  RmsNorm norm_;
  Weight lm_head_;
  std::vector<MtpLayer> mtp_;
};

}  // namespace deepseek
