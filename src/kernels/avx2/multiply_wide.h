// SPDX-License-Identifier: Apache-2.0
// Blocks multiplied as 16-bit numbers, whose products are summed in 32 bits: for codes whose byte
// products would not fit, and for those of 5 and 6 bits with two planes. Activations are widened
// once for many panels, both planes into one number, those of even and of odd columns apart: what
// two madds of a word group give stands by output.
#pragma once

#include "kernels/avx2/block_codes.h"

namespace deepseek::kernels::avx2 {
namespace {

/// Activations that are widened at a time, for up to so many rows: 16 KiB, beside a panel of
/// weights in the first-level cache.
constexpr int64_t wide_values = 8192, wide_rows = 16;

struct Wide {
  alignas(32) int16_t x[wide_values];
  int64_t blocks;  // of each row
  const int16_t* row(int64_t r) const { return x + r * blocks * activation_block; }
};

DEEPSEEK_INLINE __m256i signed_bytes(const int8_t* at) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(at)));
}

/// v = 128 * upper + lower, or upper where it is alone; of four columns 0 2 1 3.
DEEPSEEK_INLINE void widen(const ActivationBlock& x, bool one_plane, int16_t* out) {
  for (int i = 0; i < activation_block; i += 16) {
    __m256i v = signed_bytes(x.upper + i);
    if (!one_plane) v = _mm256_add_epi16(_mm256_slli_epi16(v, 7), signed_bytes(x.lower + i));
    v = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(v, 0b11011000), 0b11011000);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out + i), v);
  }
}

/// Codes of word group `g`, as they are stored or looked up.
template <const BlockLayout& layout, int g>
DEEPSEEK_INLINE __m256i byte_codes(const unsigned char* block, __m256i codebook) {
  if constexpr (layout.low_bits == 8)
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 64 * g));
  const __m256i v = narrow_codes<layout, g>(block);
  return layout.codebook ? _mm256_shuffle_epi8(codebook, v) : v;
}

/// Adds word groups g … last for all outputs of a panel.
template <const BlockLayout& layout, int g, int last, bool begins, int rows>
DEEPSEEK_INLINE void add_wide(const unsigned char* block, __m256i codebook,
                              const int16_t* const (&x)[rows], int64_t at,
                              __m256i (&sums)[2][rows]) {
  __m256i codes[2], w[2];
  for (int h = 0; h < 2; ++h) codes[h] = byte_codes<layout, g>(block + 32 * h, codebook);
  for (int odd = 0; odd < 2; ++odd) {
    for (int h = 0; h < 2; ++h)
      w[h] = odd == 0 ? _mm256_and_si256(codes[h], _mm256_set1_epi16(255))
                      : _mm256_srli_epi16(codes[h], 8);
    for (int r = 0; r < rows; ++r) {
      int two;
      __builtin_memcpy(&two, x[r] + activation_block * at + 4 * g + 2 * odd, 4);
      const __m256i q = _mm256_set1_epi32(two);
      for (int h = 0; h < 2; ++h) {
        const __m256i products = _mm256_madd_epi16(w[h], q);
        __m256i& sum = sums[h][r];
        sum = begins && odd == 0 ? products : _mm256_add_epi32(sum, products);
        in_order(sum);
      }
    }
  }
  if constexpr (g < last) add_wide<layout, g + 1, last, false>(block, codebook, x, at, sums);
}

/// The columns of block `b` that share scale `i`. `x` are the widened rows, which begin with block
/// `first` of `of`.
template <const BlockLayout& layout, int i, int rows>
DEEPSEEK_INLINE void add_wide_group(const unsigned char* unit, int b, __m256i codebook,
                                    const int16_t* const (&x)[rows],
                                    const ActivationBlock* const (&of)[rows], int64_t at,
                                    __m256 (&acc)[2][rows]) {
  constexpr int first = i * layout.group / 4, last = first + layout.group / 4 - 1;
  __m256i sums[2][rows];
  const unsigned char* block = unit + layout.code_offset() + b * layout.block_bytes();
  add_wide<layout, first, last, true>(block, codebook, x, at, sums);
  for (int h = 0; h < 2; ++h) {
    __m256 scale = _mm256_setzero_ps(), min = scale;
    load_scale<layout>(unit, b * layout.groups() + i, h, scale, min);
    for (int r = 0; r < rows; ++r)
      add_scaled<layout, i>(sums[h][r], of[r][at], scale, min, acc[h][r]);
  }
}

/// Adds the blocks of a panel that were widened, from `first` on, to what `out` holds; begins with
/// zero where that is 0.
template <const BlockLayout& layout, int rows>
void wide_tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t n,
               const Wide& wide, int64_t first) {
  const ActivationBlock* of[rows];
  const int16_t* x[rows];
  __m256 acc[2][rows];
  const int64_t used = a.outputs - n;
  for (int r = 0; r < rows; ++r) {
    of[r] = static_cast<const ActivationBlock*>(a.x[row + r]) + first;
    x[r] = wide.row((row + r) % wide_rows);
    acc[0][r] = acc[1][r] = _mm256_setzero_ps();
    if (first == 0) continue;
    alignas(32) float before[panel_width] = {};
    const float* out = a.out[row + r] + a.out_offset + n;
    __builtin_memcpy(before, out, sizeof(float) * size_t(used < panel_width ? used : panel_width));
    for (int h = 0; h < 2; ++h) acc[h][r] = _mm256_load_ps(before + 8 * h);
  }
  const __m256i codebook =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(iq4_codebook)));
  for (int64_t i = 0; i < wide.blocks; ++i) {
    const unsigned char* unit = panel + (first + i) / layout.blocks * layout.unit_bytes();
    const int b = int((first + i) % layout.blocks);
    add_wide_group<layout, 0>(unit, b, codebook, x, of, i, acc);
    if constexpr (layout.group == 16) add_wide_group<layout, 1>(unit, b, codebook, x, of, i, acc);
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    float* out = a.out[row + r] + a.out_offset + n;
    store_outputs(out, used, acc[0][r]);
    store_outputs(out + 8, used - 8, acc[1][r]);
  }
}

template <const BlockLayout& layout>
void multiply_wide(const LinearArgs& a) {
  Wide wide;
  const int64_t blocks = a.cols / activation_block;
  for (int64_t row = 0; row < a.rows; row += wide_rows) {
    const int64_t end = row + wide_rows < a.rows ? row + wide_rows : a.rows;
    const int64_t most = wide_values / activation_block / (end - row);
    for (int64_t first = 0; first < blocks; first += most) {
      wide.blocks = first + most < blocks ? most : blocks - first;
      int16_t* next = wide.x;
      for (int64_t r = row; r < end; ++r)
        for (int64_t b = 0; b < wide.blocks; ++b, next += activation_block)
          widen(static_cast<const ActivationBlock*>(a.x[r])[first + b], a.one_plane, next);
      const unsigned char* panel = a.panels;
      for (int64_t n = 0; n < a.outputs; n += panel_width, panel += a.panel_bytes) {
        int64_t r = row;
        for (; r + 4 <= end; r += 4) wide_tile<layout, 4>(a, panel, r, n, wide, first);
        if ((end - r) & 2) wide_tile<layout, 2>(a, panel, r, n, wide, first), r += 2;
        if ((end - r) & 1) wide_tile<layout, 1>(a, panel, r, n, wide, first);
      }
    }
  }
}

}  // namespace
}  // namespace deepseek::kernels::avx2
