// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/param_source.h"
#include "tests/support/random_weight.h"

namespace deepseek::test {

/// Random parameters whose matrices are stored in one format (router and norms in f32).
class BlockSource : public ParamSource {
 public:
  BlockSource(Format format, uint64_t seed) : format_(format), seed_(seed) {}

  Weight weight(const std::string& name, int64_t rows, int64_t cols, Use /*use*/) override {
    return random_weight(format_, rows, cols, seed_ + std::hash<std::string>{}(name));
  }
  Weight router(const std::string& name, int64_t rows, int64_t cols) override {
    return random_weight(Format::f32, rows, cols, seed_ + std::hash<std::string>{}(name));
  }
  Tensor vector(const std::string& name, int64_t size) override {
    const std::vector<float> values = random_values(size, seed_ + std::hash<std::string>{}(name));
    Tensor out = Tensor::empty({size});
    const float centre = name.ends_with("norm.weight") ? 1.0f : 0.0f;
    for (int64_t i = 0; i < size; ++i)
      out.data()[i] = centre + 0.2f * values[static_cast<size_t>(i)];
    return out;
  }
  LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope, int64_t v,
                            int64_t rank) override {
    LatentUpWeights out;
    out.fused = weight(prefix + ".kv_b_proj.weight", heads * (nope + v), rank, Use::linear);
    return out;
  }
  bool has(const std::string& /*name*/) const override { return true; }

 private:
  Format format_;
  uint64_t seed_;
};

}  // namespace deepseek::test
