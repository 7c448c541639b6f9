// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace deepseek {

/// Tokens in one page of a cache.
inline constexpr int64_t tokens_per_page = 64;

/// One row of a batch: its position in its sequence, and that sequence's pages for one layer.
/// pages[i] holds positions 64 i … 64 i + 63; entries 0 … position / 64 are valid. Rows of one
/// sequence share the same table, and a batch is fastest when they stand together.
struct PagedRow {
  int64_t position;
  std::byte* const* pages;
};

/// A page of keys and values: for each kv head its keys transposed [key_dim][64]; then for each kv
/// head its values [64][value_dim].
struct KvPageLayout {
  int64_t kv_heads, key_dim, value_dim;
  DType dtype = DType::bf16;  // bf16 or f32

  int64_t size_bytes() const;
};

/// A page of MLA latents [64][width]: `rank` normed latent values, then the rotated shared key.
struct LatentPageLayout {
  int64_t rank, width;
  DType dtype = DType::bf16;  // bf16 or f32

  int64_t size_bytes() const;
};

/// Writes the keys [T, kv_heads, key_dim] and values [T, kv_heads, value_dim] of T rows into their
/// pages, rounded to the layout's type.
void append_kv(std::span<const PagedRow> rows, const KvPageLayout& layout, const Tensor& k,
               const Tensor& v);

/// Softmax(scale q k^T) v of each row over the cached positions 0 … its own: q [T, heads, key_dim]
/// -> [T, heads, value_dim]; `heads` is a multiple of kv_heads, neighbours share one. A row's bits
/// depend on its q and its pages alone, not on the batch, its order, chunks or threads: every page
/// is reduced by itself and pages are merged in order. Never recorded.
Tensor attend_paged(const Tensor& q, std::span<const PagedRow> rows, const KvPageLayout& layout,
                    float scale);

/// attend_paged that also answers each row's log-sum-exp of scores in `log_sum` [T, heads].
Tensor attend_paged(const Tensor& q, std::span<const PagedRow> rows, const KvPageLayout& layout,
                    float scale, Tensor& log_sum);

/// Writes latent rows [T, width] (latent, then rotated shared key) into their pages.
void append_latent(std::span<const PagedRow> rows, const LatentPageLayout& layout,
                   const Tensor& latent);

/// Absorbed MLA (DeepSeek-V2, 2.1.2): q [T, heads, width] is [W_UK^T q_nope | q_rope] -> weighted
/// latents [T, heads, rank]. Exact in the sense of attend_paged.
Tensor attend_latent(const Tensor& q, std::span<const PagedRow> rows,
                     const LatentPageLayout& layout, float scale);

}  // namespace deepseek
