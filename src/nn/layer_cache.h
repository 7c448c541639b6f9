// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "nn/batch.h"
#include "nn/cache.h"
#include "tensor/tensor.h"

namespace deepseek {

/// One layer's share of the cached pages of a batch: where each row's sequence lies, and attention
/// over it. New keys and values are rounded to the cache's type before any row sees them.
class LayerCache {
 public:
  LayerCache(const CacheView& view, const Batch& batch, int64_t layer);

  /// Appends k [T, g, dk] and v [T, g, dv], then attends with q [T, h, dk] -> [T, h, dv].
  Tensor attend_kv(const Tensor& q, const Tensor& k, const Tensor& v, float scale) const;

  /// Appends latent [T, rank] and its rope key k_pe [T, rope], then attends with absorbed queries
  /// q [T, h, rank + rope] -> [T, h, rank].
  Tensor attend_latent(const Tensor& q, const Tensor& latent, const Tensor& k_pe,
                       float scale) const;

 private:
  const CacheLayout& layout_;
  std::vector<std::vector<std::byte*>> pages_;  // one table a span, of this layer
  std::vector<PagedRow> rows_;                  // [T]
};

}  // namespace deepseek
