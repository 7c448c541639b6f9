// SPDX-License-Identifier: Apache-2.0
// Codes and scales of the packed block formats, eight outputs at a time.
#pragma once

#include <immintrin.h>

#include "kernels/linear_layout.h"

namespace deepseek::kernels::avx2 {
namespace {

#define DEEPSEEK_INLINE [[gnu::always_inline]] inline

/// Sixteen registers hold the sums and little else. Without these two the compiler adds products in
/// a tree, and keeps what it loaded for one half of a panel for the other: both end on the stack.
DEEPSEEK_INLINE void in_order(__m256i& sum) { asm("" : "+x"(sum)); }
DEEPSEEK_INLINE void load_anew(int64_t& from) { asm("" : "+r"(from)); }

DEEPSEEK_INLINE __m256 load_halves(const unsigned char* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

DEEPSEEK_INLINE __m128i load_8(const unsigned char* at) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
}

DEEPSEEK_INLINE __m256 unsigned_bytes(__m128i bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

/// Scale `index` of a unit for outputs 8h to 8h + 7; `min` as it is to be added.
template <const BlockLayout& layout>
DEEPSEEK_INLINE void load_scale(const unsigned char* unit, int index, int h, __m256& scale,
                                __m256& min) {
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
DEEPSEEK_INLINE __m256i plane(const unsigned char* at) {
  constexpr int vector = bits == 4 ? g % 4 : bits == 2 ? g / 4 : 0;
  constexpr int from = bits == 4 ? 4 * (g / 4) : bits == 2 ? 2 * (g % 4) : g;
  __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 64 * vector));
  if constexpr (from > to) v = _mm256_srli_epi16(v, from - to);
  if constexpr (from < to) v = _mm256_slli_epi16(v, to - from);
  return _mm256_and_si256(v, _mm256_set1_epi8(char(((1 << bits) - 1) << to)));
}

/// Codes of word group `g`, of at most 6 bits, `block` being at the outputs' half of the vectors.
template <const BlockLayout& layout, int g>
DEEPSEEK_INLINE __m256i narrow_codes(const unsigned char* block) {
  __m256i v = plane<layout.low_bits, g, 0>(block);
  if constexpr (layout.high_bits > 0)
    v = _mm256_or_si256(v,
                        plane<layout.high_bits, g, layout.low_bits>(block + 64 * layout.low_bits));
  return v;
}

/// Adds what a group of columns gives, for eight outputs: `dot` is the sum of products with the
/// stored codes, `x` the block that the columns are of, `i` which group of it they are.
template <const BlockLayout& layout, int i>
DEEPSEEK_INLINE void add_scaled(__m256i dot, const ActivationBlock& x, __m256 scale, __m256 min,
                                __m256& total) {
  if constexpr (layout.zero_bits != 0) {
    const int minus = layout.group == 32 ? x.minus_sum : x.minus_half[i];
    dot = _mm256_add_epi32(dot, _mm256_slli_epi32(_mm256_set1_epi32(minus), layout.zero_bits));
  }
  const __m256 part = _mm256_mul_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(x.d));
  total = _mm256_fmadd_ps(part, scale, total);
  if constexpr (layout.has_min) {
    const __m256 sum = _mm256_set1_ps(layout.group == 32 ? x.sum : x.half[i]);
    total = _mm256_fmadd_ps(sum, min, total);
  }
}

/// Writes eight outputs, of which `used` exist.
DEEPSEEK_INLINE void store_outputs(float* out, int64_t used, __m256 values) {
  if (used >= 8) return _mm256_storeu_ps(out, values);
  alignas(32) float last[8];
  _mm256_store_ps(last, values);
  for (int64_t i = 0; i < used; ++i) out[i] = last[i];
}

}  // namespace
}  // namespace deepseek::kernels::avx2
