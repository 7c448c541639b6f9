// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/linear_layout.h"
#include "kernels/linear_variants.h"

// Integer dot products with VNNI: one vector of a panel holds four columns of 16 outputs.

namespace deepseek::kernels::avx512 {
namespace {

/// What one block of 32 columns needs besides its codes.
struct BlockScales {
  __m512 scale[2], min[2];
};

inline __m512 load_halves(const unsigned char* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}

inline __m128i load_bytes(const unsigned char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

inline __m512 unsigned_bytes(__m128i bytes) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

/// Scales of block `b` of a unit; `min` is to be added with half scales, taken away with others.
template <const BlockLayout& layout>
inline BlockScales load_scales(const unsigned char* unit, int b, __m512 d, __m512 d_min) {
  BlockScales out;
  for (int i = 0; i < layout.groups(); ++i) {
    const int index = b * layout.groups() + i;
    const unsigned char* at = unit + layout.scale_offset() + 16 * index;
    if constexpr (layout.scales == Scales::half) {
      out.scale[i] = load_halves(unit + 32 * index);
      if constexpr (layout.has_min)
        out.min[i] = load_halves(unit + layout.min_offset() + 32 * index);
    } else if constexpr (layout.scales == Scales::byte) {
      out.scale[i] = _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_bytes(at))));
    } else if constexpr (layout.scales == Scales::byte_and_min) {
      out.scale[i] = _mm512_mul_ps(d, unsigned_bytes(load_bytes(at)));
      out.min[i] =
          _mm512_mul_ps(d_min, unsigned_bytes(load_bytes(unit + layout.min_offset() + 16 * index)));
    } else {
      const __m128i both = load_bytes(at), low = _mm_set1_epi8(15);
      out.scale[i] = _mm512_mul_ps(d, unsigned_bytes(_mm_and_si128(both, low)));
      out.min[i] =
          _mm512_mul_ps(d_min, unsigned_bytes(_mm_and_si128(_mm_srli_epi16(both, 4), low)));
    }
  }
  return out;
}

/// The bits of word group `g` of one plane, moved to start at bit `to`; others cleared.
template <int bits, int g, int to>
inline __m512i plane(const unsigned char* at) {
  constexpr int vector = bits == 4 ? g % 4 : bits == 2 ? g / 4 : 0;
  constexpr int from = bits == 4 ? 4 * (g / 4) : bits == 2 ? 2 * (g % 4) : g;
  __m512i v = _mm512_loadu_si512(at + 64 * vector);
  if constexpr (from > to) v = _mm512_srli_epi16(v, from - to);
  if constexpr (from < to) v = _mm512_slli_epi16(v, to - from);
  return _mm512_and_si512(v, _mm512_set1_epi8(char(((1 << bits) - 1) << to)));
}

/// Codes of word group `g` of a block, as unsigned bytes.
template <const BlockLayout& layout, int g>
inline __m512i codes(const unsigned char* block, __m512i codebook) {
  if constexpr (layout.low_bits == 8) {
    return _mm512_loadu_si512(block + 64 * g);
  } else {
    __m512i v = plane<layout.low_bits, g, 0>(block);
    if constexpr (layout.high_bits > 0)
      v = _mm512_or_si512(
          v, plane<layout.high_bits, g, layout.low_bits>(block + 64 * layout.low_bits));
    if constexpr (layout.codebook) v = _mm512_shuffle_epi8(codebook, v);
    return v;
  }
}

template <const BlockLayout& layout, int g, int rows>
inline void add_products(const unsigned char* block, __m512i codebook,
                         const ActivationBlock* const (&x)[rows], __m512i (&dot)[rows]) {
  const __m512i w = codes<layout, g>(block, codebook);
  for (int r = 0; r < rows; ++r) {
    int four;
    __builtin_memcpy(&four, x[r]->q + 4 * g, 4);
    dot[r] = _mm512_dpbusd_epi32(dot[r], w, _mm512_set1_epi32(four));
  }
}

/// The columns of a block that share scale `i`.
template <const BlockLayout& layout, int i, int rows>
inline void add_group(const unsigned char* block, __m512i codebook, const BlockScales& scales,
                      const ActivationBlock* const (&x)[rows], __m512 (&acc)[rows]) {
  __m512i dot[rows];
  for (int r = 0; r < rows; ++r) {
    const int minus = layout.group == 32 ? x[r]->minus_sum : x[r]->minus_half[i];
    dot[r] = layout.zero_bits == 0 ? _mm512_setzero_si512()
                                   : _mm512_slli_epi32(_mm512_set1_epi32(minus), layout.zero_bits);
  }
  constexpr int first = i * layout.group / 4;
  add_products<layout, first, rows>(block, codebook, x, dot);
  add_products<layout, first + 1, rows>(block, codebook, x, dot);
  add_products<layout, first + 2, rows>(block, codebook, x, dot);
  add_products<layout, first + 3, rows>(block, codebook, x, dot);
  if constexpr (layout.group == 32) {
    add_products<layout, 4, rows>(block, codebook, x, dot);
    add_products<layout, 5, rows>(block, codebook, x, dot);
    add_products<layout, 6, rows>(block, codebook, x, dot);
    add_products<layout, 7, rows>(block, codebook, x, dot);
  }
  for (int r = 0; r < rows; ++r) {
    const __m512 part = _mm512_mul_ps(_mm512_cvtepi32_ps(dot[r]), _mm512_set1_ps(x[r]->d));
    acc[r] = _mm512_fmadd_ps(part, scales.scale[i], acc[r]);
    if constexpr (layout.has_min) {
      const __m512 sum = _mm512_set1_ps(layout.group == 32 ? x[r]->sum : x[r]->half[i]);
      acc[r] = layout.scales == Scales::half ? _mm512_fmadd_ps(sum, scales.min[i], acc[r])
                                             : _mm512_fnmadd_ps(sum, scales.min[i], acc[r]);
    }
  }
}

/// `rows` rows of one panel.
template <const BlockLayout& layout, int rows>
inline void tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t offset,
                 __mmask16 used) {
  const __m512i codebook = _mm512_broadcast_i32x4(load_bytes(iq4_codebook));
  const ActivationBlock* x[rows];
  __m512 acc[rows];
  for (int r = 0; r < rows; ++r) {
    x[r] = static_cast<const ActivationBlock*>(a.x[row + r]);
    acc[r] = _mm512_setzero_ps();
  }
  const int64_t blocks = a.cols / 32;
  const unsigned char* unit = panel;
  for (int64_t first = 0; first < blocks; first += layout.blocks, unit += layout.unit_bytes()) {
    const int64_t left = blocks - first;
    const int in_unit = left < layout.blocks ? int(left) : layout.blocks;
    __m512 d = _mm512_setzero_ps(), d_min = d;
    if constexpr (layout.scales != Scales::half) {
      d = load_halves(unit);
      if constexpr (layout.has_min) d_min = load_halves(unit + 32);
    }
    for (int b = 0; b < in_unit; ++b) {
      const BlockScales scales = load_scales<layout>(unit, b, d, d_min);
      const unsigned char* block = unit + layout.code_offset() + b * layout.block_bytes();
      add_group<layout, 0, rows>(block, codebook, scales, x, acc);
      if constexpr (layout.group == 16) add_group<layout, 1, rows>(block, codebook, scales, x, acc);
      for (int r = 0; r < rows; ++r) ++x[r];
    }
  }
  for (int r = 0; r < rows; ++r) _mm512_mask_storeu_ps(a.out[row + r] + offset, used, acc[r]);
}

template <const BlockLayout& layout>
inline void linear_blocks(const LinearArgs& a) {
  for (int64_t n = 0; n < a.outputs; n += panel_width) {
    const unsigned char* panel = a.panels + n / panel_width * a.panel_bytes;
    const int64_t left = a.outputs - n, offset = a.out_offset + n;
    const __mmask16 used = __mmask16(left >= panel_width ? 0xFFFF : (1 << left) - 1);
    int64_t r = 0;
    for (; r + 8 <= a.rows; r += 8) tile<layout, 8>(a, panel, r, offset, used);
    if (a.rows & 4) tile<layout, 4>(a, panel, r, offset, used), r += 4;
    if (a.rows & 2) tile<layout, 2>(a, panel, r, offset, used), r += 2;
    if (a.rows & 1) tile<layout, 1>(a, panel, r, offset, used);
  }
}

}  // namespace

void linear_q4_0(const LinearArgs& a) noexcept { linear_blocks<layout_q4_0>(a); }
void linear_q4_1(const LinearArgs& a) noexcept { linear_blocks<layout_q4_1>(a); }
void linear_q5_0(const LinearArgs& a) noexcept { linear_blocks<layout_q5_0>(a); }
void linear_q5_1(const LinearArgs& a) noexcept { linear_blocks<layout_q5_1>(a); }
void linear_q8_0(const LinearArgs& a) noexcept { linear_blocks<layout_q8_0>(a); }
void linear_q2_k(const LinearArgs& a) noexcept { linear_blocks<layout_q2_k>(a); }
void linear_q3_k(const LinearArgs& a) noexcept { linear_blocks<layout_q3_k>(a); }
void linear_q4_k(const LinearArgs& a) noexcept { linear_blocks<layout_q4_k>(a); }
void linear_q5_k(const LinearArgs& a) noexcept { linear_blocks<layout_q5_k>(a); }
void linear_q6_k(const LinearArgs& a) noexcept { linear_blocks<layout_q6_k>(a); }
void linear_iq4_nl(const LinearArgs& a) noexcept { linear_blocks<layout_iq4_nl>(a); }
void linear_iq4_xs(const LinearArgs& a) noexcept { linear_blocks<layout_iq4_xs>(a); }

}  // namespace deepseek::kernels::avx512
