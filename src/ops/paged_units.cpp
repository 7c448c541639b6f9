// SPDX-License-Identifier: Apache-2.0
#include "ops/paged_units.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/thread_pool.h"
#include "kernels/attention_merge.h"
#include "tensor/float_convert.h"

namespace deepseek {
namespace {

int64_t state_size(const PagedUnit& unit, int64_t value_dim) {
  return unit.rows * unit.heads * (value_dim + 2);
}

PagedState state_at(float* memory, const PagedUnit& unit) {
  const int64_t count = unit.rows * unit.heads;
  return {memory, memory + count, memory + 2 * count};
}

using Fold = std::function<void(const PagedUnit&, int64_t, int64_t, const PagedState&, int)>;
using Finish = std::function<void(const PagedUnit&, const PagedState&)>;

void run_whole(std::span<const PagedUnit> units, int64_t value_dim, int64_t threads,
               const Fold& fold, const Finish& finish) {
  const int64_t count = static_cast<int64_t>(units.size());
  int64_t largest = 0;
  for (const PagedUnit& unit : units) largest = std::max(largest, state_size(unit, value_dim));
  const Tensor memory = Tensor::empty({threads, largest});
  // Later tiles of a prompt see more pages: they go first.
  const int64_t grain = threads == 1 ? count : 1;
  compute_pool().parallel_for(count, grain, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t i = begin; i < end; ++i) {
      const PagedUnit& unit = units[static_cast<size_t>(count - 1 - i)];
      const PagedState state = state_at(memory.data() + thread * largest, unit);
      fold(unit, 0, unit.pages, state, thread);
      finish(unit, state);
    }
  });
}

/// Pages [begin, end) of one unit, folded each by itself.
struct PageTask {
  size_t unit;
  int64_t begin, end;
  float* memory;
};

void merge(const PagedUnit& unit, int64_t value_dim, const PagedState& state,
           const PagedState& later) {
  kernels::attention_merge_f32.best().run({state.max, state.sum, state.out, later.max, later.sum,
                                           later.out, unit.rows * unit.heads, value_dim});
}

void run_by_page(std::span<const PagedUnit> units, int64_t value_dim, const Fold& fold,
                 const Finish& finish) {
  constexpr int64_t wave_floats = 1 << 22;
  int64_t total = 0, most_pages = 0;
  for (const PagedUnit& unit : units) {
    total += state_size(unit, value_dim);
    most_pages = std::max(most_pages, unit.pages);
  }
  const int64_t wave = std::clamp<int64_t>(wave_floats / total, 1, most_pages);
  const int64_t parts = 4 * compute_pool().threads();
  const int64_t part_pages =
      std::max<int64_t>(1, wave * static_cast<int64_t>(units.size()) / parts);
  const Tensor states = Tensor::zeros({total});
  const Tensor partials = Tensor::empty({wave, total});
  std::vector<int64_t> offsets;
  for (int64_t at = 0; const PagedUnit& unit : units) {
    offsets.push_back(at);
    at += state_size(unit, value_dim);
  }
  for (int64_t first = 0; first < most_pages; first += wave) {
    std::vector<PageTask> tasks;
    for (size_t u = 0; u < units.size(); ++u)
      for (int64_t page = first; page < std::min(first + wave, units[u].pages); page += part_pages)
        tasks.push_back({u, page, std::min({page + part_pages, first + wave, units[u].pages}),
                         partials.data() + offsets[u] * wave +
                             (page - first) * state_size(units[u], value_dim)});
    compute_pool().parallel_for(static_cast<int64_t>(tasks.size()), 1,
                                [&](int64_t begin, int64_t end, int thread) {
                                  for (int64_t i = begin; i < end; ++i) {
                                    const PageTask& task = tasks[static_cast<size_t>(i)];
                                    const PagedUnit& unit = units[task.unit];
                                    float* memory = task.memory;
                                    for (int64_t page = task.begin; page < task.end; ++page) {
                                      fold(unit, page, page + 1, state_at(memory, unit), thread);
                                      memory += state_size(unit, value_dim);
                                    }
                                  }
                                });
    compute_pool().parallel_for(
        static_cast<int64_t>(units.size()), 1, [&](int64_t begin, int64_t end, int) {
          for (int64_t i = begin; i < end; ++i) {
            const size_t u = static_cast<size_t>(i);
            const PagedUnit& unit = units[u];
            const PagedState state = state_at(states.data() + offsets[u], unit);
            float* memory = partials.data() + offsets[u] * wave;
            for (int64_t page = first; page < std::min(first + wave, unit.pages); ++page) {
              merge(unit, value_dim, state, state_at(memory, unit));
              memory += state_size(unit, value_dim);
            }
            if (first < unit.pages && unit.pages <= first + wave) finish(unit, state);
          }
        });
  }
}

}  // namespace

void require_paged_rows(std::string_view op, std::span<const PagedRow> rows, const Tensor& x) {
  if (x.dim(0) != static_cast<int64_t>(rows.size()))
    fail(ErrorKind::invalid_input, op, ": rows: expected ", x.dim(0), ", got ", rows.size());
  for (const PagedRow& row : rows)
    if (row.position < 0)
      fail(ErrorKind::invalid_input, op, ": position: expected at least 0, got ", row.position);
}

int64_t cache_element_size(DType dtype) {
  if (dtype != DType::bf16 && dtype != DType::f32)
    fail(ErrorKind::invalid_input, "cache: element type: expected bf16 or f32, got ",
         dtype_name(dtype));
  return dtype_size(dtype);
}

void store_cache_values(const float* values, int64_t count, std::byte* to, int64_t stride,
                        DType dtype) {
  if (dtype == DType::f32) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * stride * 4, values + i, 4);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t bits = f32_to_bf16(values[i]);
    std::memcpy(to + i * stride * 2, &bits, 2);
  }
}

std::byte* page_of(const PagedRow& row) { return row.pages[row.position / tokens_per_page]; }

std::vector<int64_t> positions_of(std::span<const PagedRow> rows) {
  std::vector<int64_t> positions;
  for (const PagedRow& row : rows) positions.push_back(row.position);
  return positions;
}

std::vector<PagedUnit> paged_tiles(std::span<const PagedRow> rows, int64_t max_rows) {
  std::vector<PagedUnit> tiles;
  for (size_t r = 0; r < rows.size(); ++r) {
    const int64_t pages = rows[r].position / tokens_per_page + 1;
    if (r == 0 || rows[r].pages != rows[r - 1].pages || tiles.back().rows == max_rows)
      tiles.push_back({static_cast<int64_t>(r), 0, 0, 0, 0});
    ++tiles.back().rows;
    tiles.back().pages = std::max(tiles.back().pages, pages);
  }
  return tiles;
}

int64_t paged_work(std::span<const PagedUnit> units, int64_t dim) {
  int64_t work = 0;
  for (const PagedUnit& unit : units)
    work += unit.rows * unit.heads * unit.pages * tokens_per_page * dim;
  return work;
}

void run_paged_units(std::span<const PagedUnit> units, int64_t value_dim, int64_t work,
                     const Fold& fold, const Finish& finish) {
  constexpr int64_t worth_waking_threads = int64_t{1} << 20;  // about 20 microseconds
  if (units.empty()) return;
  const int64_t threads = work < worth_waking_threads ? 1 : compute_pool().threads();
  if (threads > 1 && static_cast<int64_t>(units.size()) < 4 * threads)
    run_by_page(units, value_dim, fold, finish);
  else
    run_whole(units, value_dim, threads, fold, finish);
}

}  // namespace deepseek
