// SPDX-License-Identifier: Apache-2.0
#include "ops/cached_attention.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/thread_pool.h"
#include "kernels/paged_attention.h"
#include "ops/paged_units.h"
#include "ops/rows.h"

namespace deepseek {
namespace {

static_assert(tokens_per_page == kernels::page_tokens);

Tensor attend_kv(const Tensor& q, std::span<const PagedRow> rows, const KvPageLayout& layout,
                 float scale, float* log_sum) {
  require_rank("attend_paged", "q", q, 3);
  const int64_t heads = q.dim(1), kv_heads = layout.kv_heads, value_dim = layout.value_dim;
  require_shape("attend_paged", "q", q, {q.dim(0), heads, layout.key_dim});
  require_paged_rows("attend_paged", rows, q);
  if (kv_heads < 1 || heads % kv_heads != 0)
    fail(ErrorKind::invalid_input, "attend_paged: heads: expected a multiple of ", kv_heads,
         ", got ", heads);
  const int64_t group = heads / kv_heads, element = cache_element_size(layout.dtype);
  const Tensor out = Tensor::empty({q.dim(0), heads, value_dim});
  const std::vector<int64_t> positions = positions_of(rows);

  const int64_t max_rows = std::max<int64_t>(1, kernels::paged_queries / group);
  std::vector<PagedUnit> units;
  for (PagedUnit tile : paged_tiles(rows, max_rows))
    for (tile.group = 0; tile.group < kv_heads; ++tile.group) {
      tile.heads = group;
      units.push_back(tile);
    }
  const int64_t scratch_size = kernels::paged_attention_scratch(layout.key_dim, value_dim);
  const Tensor scratch = Tensor::empty({compute_pool().threads(), scratch_size});
  const auto& kernel = kernels::paged_attention_f32.best();
  run_paged_units(
      units, value_dim, paged_work(units, layout.key_dim + value_dim),
      [&](const PagedUnit& unit, int64_t page_begin, int64_t page_end, const PagedState& state,
          int thread) {
        kernel.run(
            {q.data() + (unit.first_row * heads + unit.group * group) * layout.key_dim,
             heads * layout.key_dim, positions.data() + unit.first_row, unit.rows, group,
             layout.key_dim, value_dim, rows[static_cast<size_t>(unit.first_row)].pages, page_begin,
             page_end, unit.group * layout.key_dim * tokens_per_page * element,
             (kv_heads * layout.key_dim + unit.group * value_dim) * tokens_per_page * element,
             layout.dtype == DType::bf16, scale, state.max, state.sum, state.out,
             scratch.data() + thread * scratch_size});
      },
      [&](const PagedUnit& unit, const PagedState& state) {
        for (int64_t r = 0; r < unit.rows; ++r)
          for (int64_t h = 0; h < group; ++h) {
            const int64_t from = r * group + h;
            const int64_t to = (unit.first_row + r) * heads + unit.group * group + h;
            const float inverse = 1 / state.sum[from];
            for (int64_t d = 0; d < value_dim; ++d)
              out.data()[to * value_dim + d] = state.out[from * value_dim + d] * inverse;
            if (log_sum != nullptr) log_sum[to] = state.max[from] + std::log(state.sum[from]);
          }
      });
  return out;
}

}  // namespace

int64_t KvPageLayout::size_bytes() const {
  return kv_heads * (key_dim + value_dim) * tokens_per_page * cache_element_size(dtype);
}

void append_kv(std::span<const PagedRow> rows, const KvPageLayout& layout, const Tensor& k,
               const Tensor& v) {
  require_rank("append_kv", "k", k, 3);
  require_shape("append_kv", "k", k, {k.dim(0), layout.kv_heads, layout.key_dim});
  require_shape("append_kv", "v", v, {k.dim(0), layout.kv_heads, layout.value_dim});
  require_paged_rows("append_kv", rows, k);
  const int64_t heads = layout.kv_heads, key_dim = layout.key_dim, value_dim = layout.value_dim;
  const int64_t element = cache_element_size(layout.dtype);
  for_rows(k.dim(0), heads * (2 * key_dim + value_dim), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const PagedRow& row = rows[static_cast<size_t>(r)];
      const int64_t place = row.position % tokens_per_page;
      std::byte* keys = page_of(row);
      std::byte* values = keys + heads * key_dim * tokens_per_page * element;
      for (int64_t h = 0; h < heads; ++h) {
        store_cache_values(k.data() + (r * heads + h) * key_dim, key_dim,
                           keys + (h * key_dim * tokens_per_page + place) * element,
                           tokens_per_page, layout.dtype);
        store_cache_values(v.data() + (r * heads + h) * value_dim, value_dim,
                           values + (h * tokens_per_page + place) * value_dim * element, 1,
                           layout.dtype);
      }
    }
  });
}

Tensor attend_paged(const Tensor& q, std::span<const PagedRow> rows, const KvPageLayout& layout,
                    float scale) {
  return attend_kv(q, rows, layout, scale, nullptr);
}

Tensor attend_paged(const Tensor& q, std::span<const PagedRow> rows, const KvPageLayout& layout,
                    float scale, Tensor& log_sum) {
  log_sum = Tensor::empty({q.dim(0), q.dim(1)});
  return attend_kv(q, rows, layout, scale, log_sum.data());
}

}  // namespace deepseek
