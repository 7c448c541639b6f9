// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/linear_variants.h"

namespace deepseek::kernels::avx2 {
namespace {

// Each format gives the weights of `step` consecutive columns, which take `bytes`: of each, outputs
// 0 to 7 and 8 to 15.

inline __m256i load_bytes(const unsigned char* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

struct F32 {
  static constexpr int step = 1, bytes = 64;
  static inline void load(const unsigned char* at, __m256 (&w)[1][2]) {
    w[0][0] = _mm256_loadu_ps(reinterpret_cast<const float*>(at));
    w[0][1] = _mm256_loadu_ps(reinterpret_cast<const float*>(at) + 8);
  }
};

struct F16 {
  static constexpr int step = 1, bytes = 32;
  static inline void load(const unsigned char* at, __m256 (&w)[1][2]) {
    w[0][0] = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    w[0][1] = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16)));
  }
};

/// Two columns of bf16 in the halves of 32-bit lanes.
inline void widen_pairs(__m256i pairs, __m256& first, __m256& second) {
  first = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
  second = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(int(0xFFFF0000))));
}

struct Bf16 {
  static constexpr int step = 2, bytes = 64;
  static inline void load(const unsigned char* at, __m256 (&w)[2][2]) {
    for (int h = 0; h < 2; ++h) widen_pairs(load_bytes(at + 32 * h), w[0][h], w[1][h]);
  }
};

/// e4m3 as bf16, which holds every value of it: the exponent moved by 120, the mantissa in the
/// upper bits, magnitudes below 16 (zero, subnormals and the first exponent) from a table.
struct Fp8 {
  static constexpr int step = 4, bytes = 64;
  static inline void load(const unsigned char* at, __m256 (&w)[4][2]) {
    const __m256i high_table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0x3B, 0x3B, 0x3B, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C,
                                                  0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C));
    const __m256i low_table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, char(0x80), char(0xC0), 0, 0x20, 0x40, 0x60, char(0x80), char(0x90),
                      char(0xA0), char(0xB0), char(0xC0), char(0xD0), char(0xE0), char(0xF0)));
    const __m256i nan = _mm256_set1_epi8(0x7F);
    for (int h = 0; h < 2; ++h) {
      const __m256i code = load_bytes(at + 32 * h);
      const __m256i magnitude = _mm256_and_si256(code, nan);
      const __m256i is_small = _mm256_cmpgt_epi8(_mm256_set1_epi8(16), magnitude);
      __m256i high =
          _mm256_add_epi8(_mm256_and_si256(_mm256_srli_epi16(code, 4), _mm256_set1_epi8(7)),
                          _mm256_set1_epi8(0x3C));
      __m256i low = _mm256_and_si256(_mm256_slli_epi16(code, 4), _mm256_set1_epi8(char(0xF0)));
      high = _mm256_blendv_epi8(high, _mm256_shuffle_epi8(high_table, magnitude), is_small);
      low = _mm256_blendv_epi8(low, _mm256_shuffle_epi8(low_table, magnitude), is_small);
      high = _mm256_blendv_epi8(high, nan, _mm256_cmpeq_epi8(magnitude, nan));
      high = _mm256_or_si256(high, _mm256_andnot_si256(nan, code));
      widen_pairs(_mm256_unpacklo_epi8(low, high), w[0][h], w[1][h]);
      widen_pairs(_mm256_unpackhi_epi8(low, high), w[2][h], w[3][h]);
    }
  }
};

template <int rows>
struct Accumulators {
  __m256 v[rows][2];
};

/// acc += x[begin, end) times the weights of those columns, which start at `at`.
template <class Format, int rows>
inline void add_columns(const float* const (&x)[rows], const unsigned char* at, int64_t begin,
                        int64_t end, Accumulators<rows>& acc) {
  for (int64_t first = begin; first < end; first += Format::step, at += Format::bytes) {
    __m256 w[Format::step][2];
    Format::load(at, w);
    for (int s = 0; s < Format::step; ++s) {
      if (Format::step > 1 && first + s >= end) return;
      for (int r = 0; r < rows; ++r) {
        const __m256 value = _mm256_broadcast_ss(x[r] + first + s);
        acc.v[r][0] = _mm256_fmadd_ps(value, w[s][0], acc.v[r][0]);
        acc.v[r][1] = _mm256_fmadd_ps(value, w[s][1], acc.v[r][1]);
      }
    }
  }
}

template <int rows>
inline void run_scaled_chains(const LinearArgs& a, const unsigned char* slice,
                              const float* const (&x)[rows], Accumulators<rows>& acc) {
  for (int64_t begin = 0; begin < a.cols; begin += a.block_cols) {
    Accumulators<rows> inner;
    for (int r = 0; r < rows; ++r) inner.v[r][0] = inner.v[r][1] = _mm256_setzero_ps();
    const int64_t end = begin + a.block_cols < a.cols ? begin + a.block_cols : a.cols;
    add_columns<Fp8, rows>(x, slice + 64, begin, end, inner);
    for (int h = 0; h < 2; ++h) {
      const __m256 scale = _mm256_loadu_ps(reinterpret_cast<const float*>(slice) + 8 * h);
      for (int r = 0; r < rows; ++r)
        acc.v[r][h] = _mm256_fmadd_ps(inner.v[r][h], scale, acc.v[r][h]);
    }
    slice += 64 + (end - begin + 3) / 4 * 64;
  }
}

template <class Format, int rows>
inline void tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t n) {
  const int64_t used = a.outputs - n;
  const float* x[rows];
  Accumulators<rows> acc;
  for (int r = 0; r < rows; ++r) {
    x[r] = static_cast<const float*>(a.x[row + r]);
    alignas(32) float start[panel_width] = {};
    if (a.accumulate)
      for (int64_t i = 0; i < panel_width && i < used; ++i)
        start[i] = a.out[row + r][a.out_offset + n + i];
    acc.v[r][0] = _mm256_load_ps(start);
    acc.v[r][1] = _mm256_load_ps(start + 8);
  }
  if constexpr (__is_same(Format, Fp8))
    run_scaled_chains<rows>(a, panel, x, acc);
  else
    add_columns<Format, rows>(x, panel, 0, a.cols, acc);
  for (int r = 0; r < rows; ++r) {
    float* out = a.out[row + r] + a.out_offset + n;
    if (used >= panel_width) {
      _mm256_storeu_ps(out, acc.v[r][0]);
      _mm256_storeu_ps(out + 8, acc.v[r][1]);
      continue;
    }
    alignas(32) float last[panel_width];
    _mm256_store_ps(last, acc.v[r][0]);
    _mm256_store_ps(last + 8, acc.v[r][1]);
    for (int64_t i = 0; i < used; ++i) out[i] = last[i];
  }
}

template <class Format>
inline void linear_dense(const LinearArgs& a) {
  const unsigned char* panel = a.panels;
  for (int64_t n = 0; n < a.outputs; n += panel_width, panel += a.panel_bytes) {
    int64_t r = 0;
    for (; r + 6 <= a.rows; r += 6) tile<Format, 6>(a, panel, r, n);
    if (a.rows - r >= 4) tile<Format, 4>(a, panel, r, n), r += 4;
    if (a.rows - r >= 2) tile<Format, 2>(a, panel, r, n), r += 2;
    if (a.rows - r >= 1) tile<Format, 1>(a, panel, r, n);
  }
}

}  // namespace

void linear_f32(const LinearArgs& a) noexcept { linear_dense<F32>(a); }
void linear_f16(const LinearArgs& a) noexcept { linear_dense<F16>(a); }
void linear_bf16(const LinearArgs& a) noexcept { linear_dense<Bf16>(a); }
void linear_fp8(const LinearArgs& a) noexcept { linear_dense<Fp8>(a); }

}  // namespace deepseek::kernels::avx2
