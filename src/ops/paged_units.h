// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "ops/cached_attention.h"

namespace deepseek {

/// Throws invalid_input unless there is one row for each of x and no position is negative.
void require_paged_rows(std::string_view op, std::span<const PagedRow> rows, const Tensor& x);

/// Bytes of one cached element. Throws invalid_input unless it is bf16 or f32.
int64_t cache_element_size(DType dtype);

/// Writes `count` values `stride` elements apart, rounded to the type.
void store_cache_values(const float* values, int64_t count, std::byte* to, int64_t stride,
                        DType dtype);

/// The page that holds a row's own position.
std::byte* page_of(const PagedRow& row);

std::vector<int64_t> positions_of(std::span<const PagedRow> rows);

/// A tile of rows that share a page table, and one of the groups of heads that go through a kernel
/// together.
struct PagedUnit {
  int64_t first_row, rows;
  int64_t group;
  int64_t heads;  // in the group
  int64_t pages;  // pages the tile's furthest row sees
};

/// Partial attention of a unit: for each of rows * heads a largest score, a sum of exponentials,
/// and a weighted value [value_dim].
struct PagedState {
  float* max;
  float* sum;
  float* out;
};

/// Cuts rows into tiles of at most `max_rows` that stand together and share a page table.
std::vector<PagedUnit> paged_tiles(std::span<const PagedRow> rows, int64_t max_rows);

/// Multiply-adds of all units: each head of each row meets every position of its unit's pages in
/// `dim` dimensions.
int64_t paged_work(std::span<const PagedUnit> units, int64_t dim);

/// Runs fold(unit, page_begin, page_end, state, thread) and finish(unit, state) for all units over
/// the compute pool. When there are too few units for the threads, single pages are folded in
/// parallel and merged in order, which gives the same bits. `work` is the number of multiply-adds
/// in all; little work stays on this thread.
void run_paged_units(
    std::span<const PagedUnit> units, int64_t value_dim, int64_t work,
    const std::function<void(const PagedUnit&, int64_t, int64_t, const PagedState&, int)>& fold,
    const std::function<void(const PagedUnit&, const PagedState&)>& finish);

}  // namespace deepseek
