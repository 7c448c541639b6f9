// SPDX-License-Identifier: Apache-2.0
#include "model/rotary_rows.h"

#include <algorithm>

namespace deepseek {
namespace {

/// Row 2 i + half of a head and row half * d/2 + i trade places.
Tensor reorder(const Tensor& x, int64_t heads, bool interleave) {
  const Tensor out = Tensor::empty(x.shape());
  const int64_t d = x.dim(0) / heads, half = d / 2, cols = x.numel() / x.dim(0);
  for (int64_t row = 0; row < x.dim(0); ++row) {
    const int64_t head = row / d, at = row % d;
    const int64_t to = head * d + at % half * 2 + at / half;
    const float* from = x.data() + (interleave ? row : to) * cols;
    std::copy_n(from, cols, out.data() + (interleave ? to : row) * cols);
  }
  return out;
}

}  // namespace

int64_t rotary_heads(const ModelConfig& config, std::string_view hf_name) {
  if (config.model_type != "llama" && config.model_type != "deepseek") return 0;
  if (hf_name.ends_with(".self_attn.q_proj.weight")) return config.num_attention_heads;
  if (hf_name.ends_with(".self_attn.k_proj.weight")) return config.num_key_value_heads;
  return 0;
}

Tensor interleave_rows(const Tensor& x, int64_t heads) { return reorder(x, heads, true); }
Tensor deinterleave_rows(const Tensor& x, int64_t heads) { return reorder(x, heads, false); }

}  // namespace deepseek
