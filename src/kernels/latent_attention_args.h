// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace deepseek::kernels {

constexpr int64_t latent_page_tokens = 64;
constexpr int64_t latent_head_lanes = 16;

/// Absorbed MLA of a tile of query rows and up to 16 heads over some latent pages of one sequence:
/// a page is [64][width], its first `rank` columns are the values. Pages are merged in order as in
/// PagedAttentionArgs.
struct LatentAttentionArgs {
  const float* q_lanes;      // [rows, width, 16], scaled, zero past `heads`; rows q_stride apart
  int64_t q_stride;          // floats
  const int64_t* positions;  // [rows]
  int64_t rows, heads, rank, width;
  const std::byte* const* pages;
  int64_t page_begin, page_end;
  bool bf16;
  float* max;      // [rows * heads]
  float* sum;      // [rows * heads]
  float* out;      // [rows * heads, rank], not yet divided by sum
  float* scratch;  // latent_attention_scratch floats
};

constexpr int64_t latent_attention_scratch(int64_t width) {
  return latent_page_tokens * (width + latent_head_lanes);
}

}  // namespace deepseek::kernels
