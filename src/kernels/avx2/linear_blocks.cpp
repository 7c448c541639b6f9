// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/linear_layout.h"
#include "kernels/linear_variants.h"

// Byte products without VNNI: pairs of products saturate at 16 bits, so codes wider than six bits
// are taken as signed with the sign moved to the activation, and sums are widened before they can
// overflow.

namespace deepseek::kernels::avx2 {
namespace {

/// Codes of these formats are used as signed bytes, less their zero already.
constexpr bool is_signed(const BlockLayout& layout) {
  return layout.low_bits == 8 || layout.codebook;
}

/// Word groups whose 16-bit sums of products cannot overflow: 2 * 127 * the largest code each.
constexpr int groups_before_widening(const BlockLayout& layout) {
  if (is_signed(layout)) return 1;
  const int largest = (1 << (layout.low_bits + layout.high_bits)) - 1;
  const int fits = 32767 / (2 * 127 * largest);
  return fits >= 8 ? 8 : fits >= 4 ? 4 : fits >= 2 ? 2 : 1;
}

inline __m256 load_halves(const unsigned char* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

inline __m128i load_8(const unsigned char* at) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
}

inline __m256 unsigned_bytes(__m128i bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

/// Scale `index` of a unit for outputs 8h to 8h + 7; `min` as it is to be added.
template <const BlockLayout& layout>
inline void load_scale(const unsigned char* unit, int index, int h, __m256& scale, __m256& min) {
  const unsigned char* at = unit + layout.scale_offset() + 16 * index + 8 * h;
  if constexpr (layout.scales == Scales::half) {
    scale = load_halves(unit + 32 * index + 16 * h);
    if constexpr (layout.has_min)
      min = load_halves(unit + layout.min_offset() + 32 * index + 16 * h);
    return;
  }
  const __m256 d = load_halves(unit + 16 * h);
  const __m256 minus_d_min = _mm256_xor_ps(load_halves(unit + 32 + 16 * h), _mm256_set1_ps(-0.0f));
  if constexpr (layout.scales == Scales::byte) {
    scale = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_8(at))));
  } else if constexpr (layout.scales == Scales::byte_and_min) {
    scale = _mm256_mul_ps(d, unsigned_bytes(load_8(at)));
    min = _mm256_mul_ps(minus_d_min,
                        unsigned_bytes(load_8(unit + layout.min_offset() + 16 * index + 8 * h)));
  } else if constexpr (layout.scales == Scales::nibble_and_min) {
    const __m128i both = load_8(at), low = _mm_set1_epi8(15);
    scale = _mm256_mul_ps(d, unsigned_bytes(_mm_and_si128(both, low)));
    min = _mm256_mul_ps(minus_d_min, unsigned_bytes(_mm_and_si128(_mm_srli_epi16(both, 4), low)));
  }
}

/// The bits of word group `g` of one plane, moved to start at bit `to`; others cleared.
template <int bits, int g, int to>
inline __m256i plane(const unsigned char* at) {
  constexpr int vector = bits == 4 ? g % 4 : bits == 2 ? g / 4 : 0;
  constexpr int from = bits == 4 ? 4 * (g / 4) : bits == 2 ? 2 * (g % 4) : g;
  __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 64 * vector));
  if constexpr (from > to) v = _mm256_srli_epi16(v, from - to);
  if constexpr (from < to) v = _mm256_slli_epi16(v, to - from);
  return _mm256_and_si256(v, _mm256_set1_epi8(char(((1 << bits) - 1) << to)));
}

/// Codes of word group `g` for 8 outputs, `block` being at their half of the vectors.
template <const BlockLayout& layout, int g>
inline __m256i codes(const unsigned char* block, __m256i codebook) {
  if constexpr (layout.low_bits == 8) {
    const auto* at = reinterpret_cast<const __m256i*>(block + 64 * g);
    return _mm256_xor_si256(_mm256_loadu_si256(at), _mm256_set1_epi8(char(0x80)));
  } else {
    __m256i v = plane<layout.low_bits, g, 0>(block);
    if constexpr (layout.high_bits > 0)
      v = _mm256_or_si256(
          v, plane<layout.high_bits, g, layout.low_bits>(block + 64 * layout.low_bits));
    if constexpr (layout.codebook) v = _mm256_shuffle_epi8(codebook, v);
    return v;
  }
}

/// Adds word groups g … last of a block to 16-bit sums; x is one plane of each row.
template <const BlockLayout& layout, int g, int last, int rows>
inline void add_pairs(const unsigned char* block, __m256i codebook, const int8_t* const (&x)[rows],
                      __m256i (&pairs)[rows]) {
  const __m256i w = codes<layout, g>(block, codebook);
  const __m256i magnitude = is_signed(layout) ? _mm256_abs_epi8(w) : w;
  for (int r = 0; r < rows; ++r) {
    int four;
    __builtin_memcpy(&four, x[r] + 4 * g, 4);
    __m256i q = _mm256_set1_epi32(four);
    if constexpr (is_signed(layout)) q = _mm256_sign_epi8(q, w);
    pairs[r] = _mm256_add_epi16(pairs[r], _mm256_maddubs_epi16(magnitude, q));
  }
  if constexpr (g < last) add_pairs<layout, g + 1, last, rows>(block, codebook, x, pairs);
}

/// Adds word groups g … last to 32-bit sums.
template <const BlockLayout& layout, int g, int last, int rows>
inline void add_products(const unsigned char* block, __m256i codebook,
                         const int8_t* const (&x)[rows], __m256i (&dot)[rows]) {
  constexpr int fits = groups_before_widening(layout);
  constexpr int end = g + fits - 1 < last ? g + fits - 1 : last;
  __m256i pairs[rows];
  for (int r = 0; r < rows; ++r) pairs[r] = _mm256_setzero_si256();
  add_pairs<layout, g, end, rows>(block, codebook, x, pairs);
  for (int r = 0; r < rows; ++r)
    dot[r] = _mm256_add_epi32(dot[r], _mm256_madd_epi16(pairs[r], _mm256_set1_epi16(1)));
  if constexpr (end < last) add_products<layout, end + 1, last, rows>(block, codebook, x, dot);
}

/// The columns of block `b` that share scale `i`, for outputs 8h to 8h + 7.
template <const BlockLayout& layout, int i, int planes, int rows>
inline void add_group(const unsigned char* unit, int b, int h, __m256i codebook,
                      const ActivationBlock* const (&x)[rows], __m256 (&acc)[rows]) {
  const unsigned char* block = unit + layout.code_offset() + b * layout.block_bytes() + 32 * h;
  constexpr int first = i * layout.group / 4, last = first + layout.group / 4 - 1;
  __m256i dot[rows];
  const int8_t* plane[rows];
  for (int r = 0; r < rows; ++r) {
    dot[r] = _mm256_setzero_si256();
    plane[r] = x[r]->upper;
  }
  add_products<layout, first, last, rows>(block, codebook, plane, dot);
  for (int r = 0; r < rows; ++r) {
    if constexpr (planes == 2) dot[r] = _mm256_slli_epi32(dot[r], 7);
    const int minus = layout.group == 32 ? x[r]->minus_sum : x[r]->minus_half[i];
    if constexpr (layout.zero_bits != 0 && !is_signed(layout))
      dot[r] =
          _mm256_add_epi32(dot[r], _mm256_slli_epi32(_mm256_set1_epi32(minus), layout.zero_bits));
    plane[r] = x[r]->lower;
  }
  if constexpr (planes == 2) add_products<layout, first, last, rows>(block, codebook, plane, dot);
  __m256 scale = _mm256_setzero_ps(), min = scale;
  load_scale<layout>(unit, b * layout.groups() + i, h, scale, min);
  for (int r = 0; r < rows; ++r) {
    const __m256 part = _mm256_mul_ps(_mm256_cvtepi32_ps(dot[r]), _mm256_set1_ps(x[r]->d));
    acc[r] = _mm256_fmadd_ps(part, scale, acc[r]);
    if constexpr (layout.has_min) {
      const __m256 sum = _mm256_set1_ps(layout.group == 32 ? x[r]->sum : x[r]->half[i]);
      acc[r] = _mm256_fmadd_ps(sum, min, acc[r]);
    }
  }
}

inline __m256i load_codebook() {
  const __m128i offset = _mm_set1_epi8(char(0x80));
  const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(iq4_codebook));
  return _mm256_broadcastsi128_si256(_mm_xor_si128(table, offset));
}

inline void store(float* out, int64_t used, const __m256 (&acc)[2]) {
  if (used >= panel_width) {
    _mm256_storeu_ps(out, acc[0]);
    _mm256_storeu_ps(out + 8, acc[1]);
    return;
  }
  alignas(32) float last[panel_width];
  _mm256_store_ps(last, acc[0]);
  _mm256_store_ps(last + 8, acc[1]);
  for (int64_t i = 0; i < used; ++i) out[i] = last[i];
}

template <const BlockLayout& layout, int planes, int rows>
inline void tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t n) {
  const __m256i codebook = load_codebook();
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
      for (int h = 0; h < 2; ++h) {
        add_group<layout, 0, planes, rows>(unit, b, h, codebook, x, acc[h]);
        if constexpr (layout.group == 16)
          add_group<layout, 1, planes, rows>(unit, b, h, codebook, x, acc[h]);
      }
      for (int r = 0; r < rows; ++r) ++x[r];
    }
  }
  for (int r = 0; r < rows; ++r)
    store(a.out[row + r] + a.out_offset + n, a.outputs - n, {acc[0][r], acc[1][r]});
}

template <const BlockLayout& layout, int planes>
inline void run_panels(const LinearArgs& a) {
  const unsigned char* panel = a.panels;
  for (int64_t n = 0; n < a.outputs; n += panel_width, panel += a.panel_bytes) {
    int64_t r = 0;
    for (; r + 4 <= a.rows; r += 4) tile<layout, planes, 4>(a, panel, r, n);
    if (a.rows & 2) tile<layout, planes, 2>(a, panel, r, n), r += 2;
    if (a.rows & 1) tile<layout, planes, 1>(a, panel, r, n);
  }
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

}  // namespace deepseek::kernels::avx2
