// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "formats/checkpoint.h"
#include "model/config.h"
#include "nn/param_source.h"

namespace deepseek {

/// The parameters of a Hugging Face folder where they lie in the mapped file: f32, bf16 and f16
/// matrices, and e4m3 ones with their `weight_scale_inv`. Vectors are widened to f32. Errors name
/// the checkpoint and the tensor.
class HfSource : public ParamSource {
 public:
  HfSource(Checkpoint checkpoint, const ModelConfig& config);

  Weight weight(const std::string& name, int64_t rows, int64_t cols, Use use) override;
  Tensor vector(const std::string& name, int64_t size) override;
  LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope, int64_t v,
                            int64_t rank) override;
  bool has(const std::string& name) const override { return checkpoint_.has(name); }
  std::string described(const std::string& name) const override;
  void release(const Weight& raw) override;

  /// Tensors of the file that were never asked for, under their names there.
  std::vector<std::string> unused() const;

  const Checkpoint& checkpoint() const { return checkpoint_; }

 private:
  const SafetensorsEntry& entry(const std::string& name, const Shape& shape) const;
  BlockScales scales(const std::string& name, int64_t rows, int64_t cols) const;

  Checkpoint checkpoint_;
  std::optional<Fp8Config> fp8_;
  mutable std::unordered_set<std::string> used_;
};

}  // namespace deepseek
