// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "formats/gguf.h"
#include "nn/param_source.h"

namespace deepseek {

/// The parameters of a GGUF model under their Hugging Face names, where they lie in the mapped
/// file: an expert is a slice of its stack, and q and k keep the row order of the file (the config
/// of config_from_gguf says which rotary pairing that is). Errors name file and GGUF tensor.
class GgufSource : public ParamSource {
 public:
  explicit GgufSource(GgufFile file) : file_(std::move(file)) {}

  Weight weight(const std::string& name, int64_t rows, int64_t cols, Use use) override;
  Tensor vector(const std::string& name, int64_t size) override;
  /// From `attn_kv_b`, or else from `attn_k_b` and `attn_v_b`.
  LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope, int64_t v,
                            int64_t rank) override;
  bool has(const std::string& name) const override;
  std::string described(const std::string& name) const override;
  void release(const Weight& raw) override;

  /// Tensors of the file that were never asked for, under their names there.
  std::vector<std::string> unused() const;

  const GgufFile& file() const { return file_; }

 private:
  const GgufTensor& find(const std::string& name);
  const GgufTensor& take(const GgufTensor& tensor);
  void require_shape(const GgufTensor& tensor, const Shape& expected) const;
  /// Matrix `index` [rows, cols] of a tensor that is a stack of such.
  Weight slice(const GgufTensor& tensor, int64_t index, int64_t rows, int64_t cols);

  GgufFile file_;
  std::unordered_set<std::string> used_;
};

}  // namespace deepseek
