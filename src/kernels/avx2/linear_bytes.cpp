// SPDX-License-Identifier: Apache-2.0
// Blocks whose codes fill a byte, q8_0 and those with a codebook: byte products would saturate 16
// bits, so both sides are widened to 16 and their products summed in 32. Activations are widened
// once for many panels, both planes into one number; with one plane nothing is slower.
#include "kernels/avx2/block_codes.h"
#include "kernels/linear_variants.h"

namespace deepseek::kernels::avx2 {
namespace {

/// Activations that are widened at a time, for up to so many rows: 16 KiB, beside a panel of weights
/// in the first-level cache.
constexpr int64_t wide_values = 8192, wide_rows = 16;

struct Wide {
  alignas(32) int16_t x[wide_values];
  int64_t blocks;  // of each row
  const int16_t* row(int64_t r) const { return x + r * blocks * activation_block; }
};

DEEPSEEK_INLINE __m256i signed_bytes(const int8_t* at) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(at)));
}

/// v = 128 * upper + lower, or upper where it is alone.
DEEPSEEK_INLINE void widen(const ActivationBlock& x, bool one_plane, int16_t* out) {
  for (int i = 0; i < activation_block; i += 16) {
    __m256i v = signed_bytes(x.upper + i);
    if (!one_plane) v = _mm256_add_epi16(_mm256_slli_epi16(v, 7), signed_bytes(x.lower + i));
    _mm256_store_si256(reinterpret_cast<__m256i*>(out + i), v);
  }
}

DEEPSEEK_INLINE __m256i unsigned_words(const unsigned char* at) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

/// Codes of word group `g` for four outputs each, as they are stored: zero is 128.
template <const BlockLayout& layout, int g>
DEEPSEEK_INLINE void wide_codes(const unsigned char* block, __m256i codebook, __m256i (&w)[2]) {
  if constexpr (layout.low_bits == 8) {
    w[0] = unsigned_words(block + 64 * g);
    w[1] = unsigned_words(block + 64 * g + 16);
  } else {
    const __m256i v = _mm256_shuffle_epi8(codebook, narrow_codes<layout, g>(block));
    w[0] = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(v));
    w[1] = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(v, 1));
  }
}

/// Adds word groups g … 7: sums of two columns each, of outputs 0 to 3 and of 4 to 7.
template <const BlockLayout& layout, int g, int rows>
DEEPSEEK_INLINE void add_products(const unsigned char* block, __m256i codebook,
                                  const int16_t* const (&x)[rows], int64_t at,
                                  __m256i (&sums)[rows][2]) {
  __m256i w[2];
  wide_codes<layout, g>(block, codebook, w);
  for (int r = 0; r < rows; ++r) {
    long long four;
    __builtin_memcpy(&four, x[r] + activation_block * at + 4 * g, 8);
    const __m256i q = _mm256_set1_epi64x(four);
    for (int i = 0; i < 2; ++i) {
      const __m256i products = _mm256_madd_epi16(w[i], q);
      sums[r][i] = g == 0 ? products : _mm256_add_epi32(sums[r][i], products);
      in_order(sums[r][i]);
    }
  }
  if constexpr (g < 7) add_products<layout, g + 1>(block, codebook, x, at, sums);
}

/// Outputs 0 1 4 5 2 3 6 7, the order in which sums of neighbours come, to 0 … 7, and back.
DEEPSEEK_INLINE __m256 swap_middle(__m256 v) {
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0b11011000));
}

/// Adds the blocks of a panel that were widened, from `first` on, to what `out` holds; begins with
/// zero where that is 0.
template <const BlockLayout& layout, int rows>
void tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t n, const Wide& wide,
          int64_t first) {
  const ActivationBlock* block_of[rows];
  const int16_t* x[rows];
  __m256 acc[2][rows];
  const int64_t used = a.outputs - n;
  for (int r = 0; r < rows; ++r) {
    block_of[r] = static_cast<const ActivationBlock*>(a.x[row + r]) + first;
    x[r] = wide.row((row + r) % wide_rows);
    acc[0][r] = acc[1][r] = _mm256_setzero_ps();
    if (first == 0) continue;
    alignas(32) float before[panel_width] = {};
    const float* out = a.out[row + r] + a.out_offset + n;
    __builtin_memcpy(before, out, sizeof(float) * size_t(used < panel_width ? used : panel_width));
    for (int h = 0; h < 2; ++h) acc[h][r] = swap_middle(_mm256_load_ps(before + 8 * h));
  }
  const __m256i codebook = _mm256_broadcastsi128_si256(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(iq4_codebook)));
  for (int64_t i = 0; i < wide.blocks; ++i) {
    const unsigned char* unit = panel + (first + i) / layout.blocks * layout.unit_bytes();
    const int b = int((first + i) % layout.blocks);
    const unsigned char* block = unit + layout.code_offset() + b * layout.block_bytes();
    int64_t at = i;
    for (int h = 0; h < 2; ++h) {
      load_anew(at);
      __m256i sums[rows][2];
      add_products<layout, 0>(block + 32 * h, codebook, x, at, sums);
      __m256 scale = _mm256_setzero_ps(), min = scale;
      load_scale<layout>(unit, b, h, scale, min);
      scale = swap_middle(scale);
      for (int r = 0; r < rows; ++r) {
        const ActivationBlock& of = block_of[r][at];
        const __m256i minus = _mm256_slli_epi32(_mm256_set1_epi32(of.minus_sum), 7);
        const __m256i dot = _mm256_add_epi32(_mm256_hadd_epi32(sums[r][0], sums[r][1]), minus);
        const __m256 part = _mm256_mul_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(of.d));
        acc[h][r] = _mm256_fmadd_ps(part, scale, acc[h][r]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    float* out = a.out[row + r] + a.out_offset + n;
    store_outputs(out, used, swap_middle(acc[0][r]));
    store_outputs(out + 8, used - 8, swap_middle(acc[1][r]));
  }
}

template <const BlockLayout& layout>
void linear_bytes(const LinearArgs& a) {
  static_assert(layout.group == 32 && layout.zero_bits == 7 && !layout.has_min);
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
        for (; r + 4 <= end; r += 4) tile<layout, 4>(a, panel, r, n, wide, first);
        if ((end - r) & 2) tile<layout, 2>(a, panel, r, n, wide, first), r += 2;
        if ((end - r) & 1) tile<layout, 1>(a, panel, r, n, wide, first);
      }
    }
  }
}

}  // namespace

void linear_q8_0(const LinearArgs& a) noexcept { linear_bytes<layout_q8_0>(a); }
void linear_iq4_nl(const LinearArgs& a) noexcept { linear_bytes<layout_iq4_nl>(a); }
void linear_iq4_xs(const LinearArgs& a) noexcept { linear_bytes<layout_iq4_xs>(a); }

}  // namespace deepseek::kernels::avx2
