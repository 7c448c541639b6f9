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

/// Sums of products of the planes, exact, and the chains they end in.
template <int planes, int rows, int panels>
struct Tile {
  static_assert(planes == 1 || planes == 2);
  const ActivationBlock* x[rows];
  __m512i upper[rows][panels], lower[rows][panels];
  __m512 acc[rows][panels];
};

inline __m512i four_columns(const int8_t* at) {
  int four;
  __builtin_memcpy(&four, at, 4);
  return _mm512_set1_epi32(four);
}

template <const BlockLayout& layout, int g, int planes, int rows, int panels>
inline void add_products(const unsigned char* const (&block)[panels], __m512i codebook,
                         Tile<planes, rows, panels>& tile) {
  __m512i w[panels];
  for (int p = 0; p < panels; ++p) w[p] = codes<layout, g>(block[p], codebook);
  for (int r = 0; r < rows; ++r) {
    const __m512i upper = four_columns(tile.x[r]->upper + 4 * g);
    for (int p = 0; p < panels; ++p)
      tile.upper[r][p] = _mm512_dpbusd_epi32(tile.upper[r][p], w[p], upper);
    if constexpr (planes == 2) {
      const __m512i lower = four_columns(tile.x[r]->lower + 4 * g);
      for (int p = 0; p < panels; ++p)
        tile.lower[r][p] = _mm512_dpbusd_epi32(tile.lower[r][p], w[p], lower);
    }
  }
}

/// The columns of a block that share scale `i`.
template <const BlockLayout& layout, int i, int planes, int rows, int panels>
inline void add_group(const unsigned char* const (&block)[panels], __m512i codebook,
                      const BlockScales (&scales)[panels], Tile<planes, rows, panels>& tile) {
  for (int r = 0; r < rows; ++r) {
    const int minus = layout.group == 32 ? tile.x[r]->minus_sum : tile.x[r]->minus_half[i];
    const __m512i start = layout.zero_bits == 0
                              ? _mm512_setzero_si512()
                              : _mm512_slli_epi32(_mm512_set1_epi32(minus), layout.zero_bits);
    for (int p = 0; p < panels; ++p) {
      tile.upper[r][p] = planes == 2 ? _mm512_setzero_si512() : start;
      if constexpr (planes == 2) tile.lower[r][p] = start;
    }
  }
  constexpr int first = i * layout.group / 4;
  add_products<layout, first>(block, codebook, tile);
  add_products<layout, first + 1>(block, codebook, tile);
  add_products<layout, first + 2>(block, codebook, tile);
  add_products<layout, first + 3>(block, codebook, tile);
  if constexpr (layout.group == 32) {
    add_products<layout, 4>(block, codebook, tile);
    add_products<layout, 5>(block, codebook, tile);
    add_products<layout, 6>(block, codebook, tile);
    add_products<layout, 7>(block, codebook, tile);
  }
  for (int r = 0; r < rows; ++r) {
    const __m512 d = _mm512_set1_ps(tile.x[r]->d);
    const __m512 sum = _mm512_set1_ps(layout.group == 32 ? tile.x[r]->sum : tile.x[r]->half[i]);
    for (int p = 0; p < panels; ++p) {
      __m512i dot = tile.upper[r][p];
      if constexpr (planes == 2)
        dot = _mm512_add_epi32(_mm512_slli_epi32(dot, 7), tile.lower[r][p]);
      const __m512 part = _mm512_mul_ps(_mm512_cvtepi32_ps(dot), d);
      __m512& acc = tile.acc[r][p];
      acc = _mm512_fmadd_ps(part, scales[p].scale[i], acc);
      if constexpr (layout.has_min)
        acc = layout.scales == Scales::half ? _mm512_fmadd_ps(sum, scales[p].min[i], acc)
                                            : _mm512_fnmadd_ps(sum, scales[p].min[i], acc);
    }
  }
}

template <const BlockLayout& layout, int planes, int rows, int panels>
inline void run_tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t n) {
  const __m512i codebook = _mm512_broadcast_i32x4(load_bytes(iq4_codebook));
  Tile<planes, rows, panels> tile;
  for (int r = 0; r < rows; ++r) {
    tile.x[r] = static_cast<const ActivationBlock*>(a.x[row + r]);
    for (int p = 0; p < panels; ++p) tile.acc[r][p] = _mm512_setzero_ps();
  }
  const int64_t blocks = a.cols / 32;
  const unsigned char* unit = panel;
  for (int64_t first = 0; first < blocks; first += layout.blocks, unit += layout.unit_bytes()) {
    const int64_t left = blocks - first;
    const int in_unit = left < layout.blocks ? int(left) : layout.blocks;
    __m512 d[panels], d_min[panels];
    for (int p = 0; p < panels; ++p) {
      d[p] = d_min[p] = _mm512_setzero_ps();
      if constexpr (layout.scales != Scales::half) {
        d[p] = load_halves(unit + p * a.panel_bytes);
        if constexpr (layout.has_min) d_min[p] = load_halves(unit + p * a.panel_bytes + 32);
      }
    }
    for (int b = 0; b < in_unit; ++b) {
      BlockScales scales[panels];
      const unsigned char* block[panels];
      for (int p = 0; p < panels; ++p) {
        scales[p] = load_scales<layout>(unit + p * a.panel_bytes, b, d[p], d_min[p]);
        block[p] = unit + p * a.panel_bytes + layout.code_offset() + b * layout.block_bytes();
      }
      add_group<layout, 0>(block, codebook, scales, tile);
      if constexpr (layout.group == 16) add_group<layout, 1>(block, codebook, scales, tile);
      for (int r = 0; r < rows; ++r) ++tile.x[r];
    }
  }
  for (int p = 0; p < panels; ++p) {
    const int64_t left = a.outputs - n - p * panel_width;
    const __mmask16 used = __mmask16(left >= panel_width ? 0xFFFF : (1 << left) - 1);
    float* const* out = a.out + row;
    for (int r = 0; r < rows; ++r)
      _mm512_mask_storeu_ps(out[r] + a.out_offset + n + p * panel_width, used, tile.acc[r][p]);
  }
}

template <const BlockLayout& layout, int planes, int panels>
inline void run_rows(const LinearArgs& a, const unsigned char* panel, int64_t n) {
  int64_t r = 0;
  for (; r + 4 <= a.rows; r += 4) run_tile<layout, planes, 4, panels>(a, panel, r, n);
  if (a.rows - r >= 2) run_tile<layout, planes, 2, panels>(a, panel, r, n), r += 2;
  if (a.rows - r >= 1) run_tile<layout, planes, 1, panels>(a, panel, r, n);
}

/// Two panels at a time: eight chains in flight, and each activation is fetched once for both.
template <const BlockLayout& layout, int planes>
inline void run_panels(const LinearArgs& a) {
  const unsigned char* panel = a.panels;
  int64_t n = 0;
  for (; n + panel_width < a.outputs; n += 2 * panel_width, panel += 2 * a.panel_bytes)
    run_rows<layout, planes, 2>(a, panel, n);
  if (n < a.outputs) run_rows<layout, planes, 1>(a, panel, n);
}

template <const BlockLayout& layout>
inline void linear_blocks(const LinearArgs& a) {
  a.one_plane ? run_panels<layout, 1>(a) : run_panels<layout, 2>(a);
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
