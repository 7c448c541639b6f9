// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/cached_attention.h"

namespace deepseek {

/// What one page stores for its 64 positions, every layer behind the other. With `latent`, a layer
/// holds [64][rank + rope]; else keys [kv_heads][k_dim][64] and then values [kv_heads][64][v_dim].
struct CacheLayout {
  bool latent = false;
  int64_t layers = 0;
  int64_t kv_heads = 0, k_dim = 0, v_dim = 0;  // not latent
  int64_t rank = 0, rope = 0;                  // latent
  DType dtype = DType::bf16;                   // bf16 or f32

  KvPageLayout kv() const { return {kv_heads, k_dim, v_dim, dtype}; }
  LatentPageLayout latents() const { return {rank, rank + rope, dtype}; }

  int64_t values_per_token_layer() const {
    return latent ? rank + rope : kv_heads * (k_dim + v_dim);
  }
  int64_t layer_bytes() const {
    return values_per_token_layer() * tokens_per_page * dtype_size(dtype);
  }
  int64_t page_bytes() const { return layers * layer_bytes(); }
};

/// The pages of each sequence in a batch, in the order of its spans: page i holds positions
/// 64 i … 64 i + 63.
struct CacheView {
  const CacheLayout* layout = nullptr;
  std::vector<std::span<std::byte* const>> pages;  // one list a span
};

}  // namespace deepseek
