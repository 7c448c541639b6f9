// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace deepseek::kernels {

constexpr int64_t page_tokens = 64;
constexpr int64_t paged_queries = 48;  // rows * heads that kernels take together

/// Attention of a tile of query rows, and of the heads that share one key head, over some pages of
/// one sequence's cache. Each page gives a largest score, a sum and weighted values; pages are
/// merged in order, so the result is that of `attention_merge` over single pages, bit for bit. A
/// row sees positions 0 … its own. Rows that see nothing in these pages get sum 0.
struct PagedAttentionArgs {
  const float* q;            // rows of [heads, key_dim], q_stride floats apart
  int64_t q_stride;          // floats
  const int64_t* positions;  // [rows]
  int64_t rows, heads, key_dim, value_dim;
  const std::byte* const* pages;  // by page number; [page_begin, page_end) are read
  int64_t page_begin, page_end;
  int64_t key_offset;    // bytes from a page's start to this head's keys [key_dim][64]
  int64_t value_offset;  // bytes from a page's start to this head's values [64][value_dim]
  bool bf16;             // element type of pages: bf16, or f32
  float scale;           // of the scores; applied to q
  float* max;            // [rows * heads]
  float* sum;            // [rows * heads]
  float* out;            // [rows * heads, value_dim], not yet divided by sum
  float* scratch;        // paged_attention_scratch floats
};

constexpr int64_t paged_attention_scratch(int64_t key_dim, int64_t value_dim) {
  return paged_queries * (key_dim + page_tokens) + value_dim;
}

}  // namespace deepseek::kernels
