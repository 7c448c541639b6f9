// SPDX-License-Identifier: Apache-2.0
#include "model/init_source.h"

#include "core/random.h"

namespace deepseek {
namespace {

/// FNV-1a, so that a parameter's stream follows from its name.
uint64_t stream_of(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

Weight InitSource::weight(const std::string& name, int64_t rows, int64_t cols, Use /*use*/) {
  const CounterRandom random(seed_, stream_of(name));
  const Tensor values = Tensor::empty({rows, cols});
  for (int64_t i = 0; i < values.numel(); ++i)
    values.data()[i] =
        static_cast<float>(standard_deviation_ * random.normal(static_cast<uint64_t>(i)));
  return Weight::from_tensor(values);
}

Tensor InitSource::vector(const std::string& name, int64_t size) {
  return Tensor::full({size}, name.ends_with("norm.weight") ? 1.0f : 0.0f);
}

LatentUpWeights InitSource::latent_up(const std::string& prefix, int64_t heads, int64_t nope,
                                      int64_t v, int64_t rank) {
  LatentUpWeights weights;
  weights.fused = weight(prefix + ".kv_b_proj.weight", heads * (nope + v), rank, Use::linear);
  return weights;
}

}  // namespace deepseek
