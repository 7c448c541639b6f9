// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "nn/param_source.h"

namespace deepseek {

/// Fresh parameters: matrices normal with a given standard deviation (0.006 in DeepSeek-V2 and V3,
/// section 3.1.2 and 4.2), gains one, biases zero. A value depends on seed, name and place alone.
class InitSource : public ParamSource {
 public:
  InitSource(uint64_t seed, double standard_deviation)
      : seed_(seed), standard_deviation_(standard_deviation) {}

  Weight weight(const std::string& name, int64_t rows, int64_t cols, Use use) override;
  Tensor vector(const std::string& name, int64_t size) override;
  LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope, int64_t v,
                            int64_t rank) override;
  bool has(const std::string& /*name*/) const override { return true; }

 private:
  uint64_t seed_;
  double standard_deviation_;
};

}  // namespace deepseek
