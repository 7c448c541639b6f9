// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nn/param_source.h"

namespace deepseek {

/// MLA's up-projection of the latent, `kv_b_proj` [heads * (nope + v), rank], in the two forms the
/// attention needs: whole, for the expanded pass, and by head, for the absorbed one
/// (DeepSeek-V2, section 2.1.2: W_UK joins the query, W_UV the output).
class LatentUp {
 public:
  struct Config {
    int64_t heads = 0, nope = 0, v = 0, rank = 0;
    bool expanded = false, absorbed = false;  // which forms to keep
  };

  LatentUp() = default;
  /// Takes `<prefix>.kv_b_proj.weight`, fused or split.
  LatentUp(ParamSource& source, const std::string& prefix, const Config& config);

  /// latent [T, rank] -> [T, heads, nope + v].
  Tensor expand(const Tensor& latent_tr) const;
  /// q_nope [T, heads, nope] and q_pe [T, heads, rope] -> [T, heads, rank + rope].
  Tensor absorb_query(const Tensor& q_nope, const Tensor& q_pe) const;
  /// Attention-weighted latents [T, heads, rank] -> [T, heads, v].
  Tensor project_values(const Tensor& context_thr) const;

 private:
  void take_heads(ParamSource& source, const LatentUpWeights& raw);

  Config config_;
  Weight fused_;
  std::vector<Weight> k_heads_, v_heads_;
};

}  // namespace deepseek
