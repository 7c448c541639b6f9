// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/error.h"
#include "core/thread_pool.h"
#include "kernels/latent_attention.h"
#include "ops/cached_attention.h"
#include "ops/paged_units.h"
#include "ops/rows.h"

namespace deepseek {
namespace {

constexpr int64_t lanes = kernels::latent_head_lanes;
static_assert(tokens_per_page == kernels::latent_page_tokens);

/// [T, heads, width] -> [T, head tiles, width, 16], scaled, zero past the last head.
Tensor head_lanes(const Tensor& q, float scale) {
  const int64_t rows = q.dim(0), heads = q.dim(1), width = q.dim(2);
  const int64_t tiles = (heads + lanes - 1) / lanes;
  const Tensor out = Tensor::zeros({rows, tiles, width, lanes});
  for_rows(rows * heads, 2 * width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / heads, head = i % heads;
      float* to = out.data() + (row * tiles + head / lanes) * width * lanes + head % lanes;
      for (int64_t d = 0; d < width; ++d) to[d * lanes] = q.data()[i * width + d] * scale;
    }
  });
  return out;
}

}  // namespace

int64_t LatentPageLayout::size_bytes() const {
  return tokens_per_page * width * cache_element_size(dtype);
}

void append_latent(std::span<const PagedRow> rows, const LatentPageLayout& layout,
                   const Tensor& latent) {
  require_rank("append_latent", "latent", latent, 2);
  require_shape("append_latent", "latent", latent, {latent.dim(0), layout.width});
  require_paged_rows("append_latent", rows, latent);
  const int64_t width = layout.width, element = cache_element_size(layout.dtype);
  for_rows(latent.dim(0), width, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const PagedRow& row = rows[static_cast<size_t>(r)];
      store_cache_values(latent.data() + r * width, width,
                         page_of(row) + row.position % tokens_per_page * width * element, 1,
                         layout.dtype);
    }
  });
}

Tensor attend_latent(const Tensor& q, std::span<const PagedRow> rows,
                     const LatentPageLayout& layout, float scale) {
  require_rank("attend_latent", "q", q, 3);
  const int64_t heads = q.dim(1), width = layout.width, rank = layout.rank;
  require_shape("attend_latent", "q", q, {q.dim(0), heads, width});
  require_paged_rows("attend_latent", rows, q);
  cache_element_size(layout.dtype);
  if (rank < 1 || rank > width)
    fail(ErrorKind::invalid_input, "attend_latent: rank: expected 1 to ", width, ", got ", rank);
  const Tensor out = Tensor::empty({q.dim(0), heads, rank});
  const Tensor q_lanes = head_lanes(q, scale);
  const int64_t tiles = q_lanes.dim(1), tile_size = width * lanes;
  const std::vector<int64_t> positions = positions_of(rows);

  constexpr int64_t max_rows = 4;
  std::vector<PagedUnit> units;
  for (PagedUnit tile : paged_tiles(rows, max_rows))
    for (tile.group = 0; tile.group < tiles; ++tile.group) {
      tile.heads = std::min(lanes, heads - tile.group * lanes);
      units.push_back(tile);
    }
  const int64_t scratch_size = kernels::latent_attention_scratch(width);
  const Tensor scratch = Tensor::empty({compute_pool().threads(), scratch_size});
  const auto& kernel = kernels::latent_attention_f32.best();
  run_paged_units(
      units, rank, paged_work(units, width + rank),
      [&](const PagedUnit& unit, int64_t page_begin, int64_t page_end, const PagedState& state,
          int thread) {
        kernel.run({q_lanes.data() + (unit.first_row * tiles + unit.group) * tile_size,
                    tiles * tile_size, positions.data() + unit.first_row, unit.rows, unit.heads,
                    rank, width, rows[static_cast<size_t>(unit.first_row)].pages, page_begin,
                    page_end, layout.dtype == DType::bf16, state.max, state.sum, state.out,
                    scratch.data() + thread * scratch_size});
      },
      [&](const PagedUnit& unit, const PagedState& state) {
        for (int64_t r = 0; r < unit.rows; ++r)
          for (int64_t h = 0; h < unit.heads; ++h) {
            const int64_t from = r * unit.heads + h;
            const int64_t to = (unit.first_row + r) * heads + unit.group * lanes + h;
            const float inverse = 1 / state.sum[from];
            for (int64_t d = 0; d < rank; ++d)
              out.data()[to * rank + d] = state.out[from * rank + d] * inverse;
          }
      });
  return out;
}

}  // namespace deepseek
