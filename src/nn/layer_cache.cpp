// SPDX-License-Identifier: Apache-2.0
#include "nn/layer_cache.h"

#include <array>

#include "ops/shape.h"

namespace deepseek {

LayerCache::LayerCache(const CacheView& view, const Batch& batch, int64_t layer)
    : layout_(*view.layout) {
  const int64_t offset = layer * layout_.layer_bytes();
  pages_.reserve(batch.spans.size());
  rows_.reserve(static_cast<size_t>(batch.size()));
  for (size_t i = 0; i < batch.spans.size(); ++i) {
    std::vector<std::byte*>& table = pages_.emplace_back();
    for (std::byte* page : view.pages[i]) table.push_back(page + offset);
    const Span& span = batch.spans[i];
    for (int64_t row = span.first_row; row < span.first_row + span.length; ++row)
      rows_.push_back({batch.positions[static_cast<size_t>(row)], table.data()});
  }
}

Tensor LayerCache::attend_kv(const Tensor& q, const Tensor& k, const Tensor& v, float scale) const {
  append_kv(rows_, layout_.kv(), k, v);
  return attend_paged(q, rows_, layout_.kv(), scale);
}

Tensor LayerCache::attend_latent(const Tensor& q, const Tensor& latent, const Tensor& k_pe,
                                 float scale) const {
  const std::array<Tensor, 2> parts{latent, k_pe};
  append_latent(rows_, layout_.latents(), concat_last(parts));
  return deepseek::attend_latent(q, rows_, layout_.latents(), scale);
}

}  // namespace deepseek
