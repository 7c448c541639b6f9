// SPDX-License-Identifier: Apache-2.0
// Blocks multiplied as bytes, for codes of at most six bits. Without VNNI, byte products come in
// pairs summed to 16 bits, which such codes do not saturate; sums of pairs are widened before they
// could overflow.
#pragma once

#include "kernels/avx2/block_codes.h"

namespace deepseek::kernels::avx2 {
namespace {

/// Word groups whose 16-bit sums of products cannot overflow: 2 * 127 * the largest code each.
constexpr int groups_before_widening(const BlockLayout& layout) {
  const int largest = (1 << (layout.low_bits + layout.high_bits)) - 1;
  const int fits = 32767 / (2 * 127 * largest);
  return fits >= 8 ? 8 : fits >= 4 ? 4 : fits >= 2 ? 2 : 1;
}

/// Whether the columns that share a scale can be summed in 16 bits.
constexpr bool sums_fit(const BlockLayout& layout) {
  return groups_before_widening(layout) >= layout.group / 4;
}

/// Halves of a panel's outputs that one step takes: as many as there are registers for their sums.
constexpr int halves_of(const BlockLayout& layout, int rows) {
  return sums_fit(layout) || rows <= 2 ? 2 : 1;
}

/// What a step adds up, for `halves` times 8 outputs.
template <int planes, int rows, int halves>
struct Sums {
  __m256i pairs[planes][halves][rows];  // 16 bits
  __m256i dot[halves][rows];            // 32 bits
};

/// Adds word groups g … last to the 16-bit sums, which begin with group g.
template <const BlockLayout& layout, int g, int last, bool begins, int planes, int rows, int halves>
DEEPSEEK_INLINE void add_pairs(const unsigned char* block, const ActivationBlock* const (&x)[rows],
                               int64_t at, Sums<planes, rows, halves>& sums) {
  __m256i w[halves];
  for (int h = 0; h < halves; ++h) w[h] = narrow_codes<layout, g>(block + 32 * h);
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < planes; ++p) {
      int four;
      __builtin_memcpy(&four, (p == 0 ? x[r][at].upper : x[r][at].lower) + 4 * g, 4);
      const __m256i q = _mm256_set1_epi32(four);
      for (int h = 0; h < halves; ++h) {
        const __m256i products = _mm256_maddubs_epi16(w[h], q);
        __m256i& sum = sums.pairs[p][h][r];
        sum = begins ? products : _mm256_add_epi16(sum, products);
        in_order(sum);
      }
    }
  if constexpr (g < last) add_pairs<layout, g + 1, last, false>(block, x, at, sums);
}

/// Adds word groups g … last to the 32-bit sums of 128 * upper + lower.
template <const BlockLayout& layout, int g, int last, bool begins, int planes, int rows, int halves>
DEEPSEEK_INLINE void add_products(const unsigned char* block,
                                  const ActivationBlock* const (&x)[rows], int64_t at,
                                  Sums<planes, rows, halves>& sums) {
  constexpr int fits = groups_before_widening(layout);
  constexpr int end = g + fits - 1 < last ? g + fits - 1 : last;
  add_pairs<layout, g, end, true>(block, x, at, sums);
  const __m256i one = _mm256_set1_epi16(1);
  const __m256i of_upper = planes == 2 ? _mm256_set1_epi16(128) : one;
  for (int h = 0; h < halves; ++h)
    for (int r = 0; r < rows; ++r) {
      __m256i& dot = sums.dot[h][r];
      const __m256i upper = _mm256_madd_epi16(sums.pairs[0][h][r], of_upper);
      dot = begins ? upper : _mm256_add_epi32(dot, upper);
      if constexpr (planes == 2)
        dot = _mm256_add_epi32(dot, _mm256_madd_epi16(sums.pairs[1][h][r], one));
    }
  if constexpr (end < last) add_products<layout, end + 1, last, false>(block, x, at, sums);
}

/// The columns of block `b` that share scale `i`, for outputs 8h to 8(h + halves) - 1.
template <const BlockLayout& layout, int i, int planes, int rows, int halves>
DEEPSEEK_INLINE void add_group(const unsigned char* unit, int b, int h,
                               const ActivationBlock* const (&x)[rows], int64_t at,
                               __m256 (&acc)[2][rows]) {
  constexpr int first = i * layout.group / 4, last = first + layout.group / 4 - 1;
  Sums<planes, rows, halves> sums;
  const unsigned char* block = unit + layout.code_offset() + b * layout.block_bytes() + 32 * h;
  add_products<layout, first, last, true>(block, x, at, sums);
  for (int half = 0; half < halves; ++half) {
    __m256 scale = _mm256_setzero_ps(), min = scale;
    load_scale<layout>(unit, b * layout.groups() + i, h + half, scale, min);
    for (int r = 0; r < rows; ++r)
      add_scaled<layout, i>(sums.dot[half][r], x[r][at], scale, min, acc[h + half][r]);
  }
}

template <const BlockLayout& layout, int planes, int rows>
void narrow_tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t n) {
  constexpr int halves = halves_of(layout, rows);
  const ActivationBlock* x[rows];
  __m256 acc[2][rows];
  for (int r = 0; r < rows; ++r) {
    x[r] = static_cast<const ActivationBlock*>(a.x[row + r]);
    acc[0][r] = acc[1][r] = _mm256_setzero_ps();
  }
  const int64_t blocks = a.cols / 32;
  const unsigned char* unit = panel;
  for (int64_t first = 0; first < blocks; first += layout.blocks, unit += layout.unit_bytes()) {
    const int64_t left = blocks - first;
    const int in_unit = left < layout.blocks ? int(left) : layout.blocks;
    for (int b = 0; b < in_unit; ++b) {
      int64_t at = first + b;
      for (int h = 0; h < 2; h += halves) {
        load_anew(at);
        add_group<layout, 0, planes, rows, halves>(unit, b, h, x, at, acc);
        if constexpr (layout.group == 16)
          add_group<layout, 1, planes, rows, halves>(unit, b, h, x, at, acc);
      }
    }
  }
  const int64_t used = a.outputs - n;
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    float* out = a.out[row + r] + a.out_offset + n;
    store_outputs(out, used, acc[0][r]);
    store_outputs(out + 8, used - 8, acc[1][r]);
  }
}

template <const BlockLayout& layout, int planes>
void multiply_narrow(const LinearArgs& a) {
  const unsigned char* panel = a.panels;
  constexpr int most = 4 / planes;
  for (int64_t n = 0; n < a.outputs; n += panel_width, panel += a.panel_bytes) {
    int64_t r = 0;
    for (; r + most <= a.rows; r += most) narrow_tile<layout, planes, most>(a, panel, r, n);
    if (most == 4 && (a.rows & 2)) narrow_tile<layout, planes, 2>(a, panel, r, n), r += 2;
    if (a.rows & 1) narrow_tile<layout, planes, 1>(a, panel, r, n);
  }
}

}  // namespace
}  // namespace deepseek::kernels::avx2
