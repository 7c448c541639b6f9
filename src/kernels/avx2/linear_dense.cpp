// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/linear_variants.h"

namespace deepseek::kernels::avx2 {
namespace {

// Each format gives the weights of one column: outputs 0 to 7 and 8 to 15. `at` is where the
// column, or for bf16 its pair of columns, starts.

struct F32 {
  static inline const unsigned char* column(const unsigned char* panel, int64_t k) {
    return panel + k * 64;
  }
  static inline void load(const unsigned char* at, int64_t, __m256 (&w)[2]) {
    w[0] = _mm256_loadu_ps(reinterpret_cast<const float*>(at));
    w[1] = _mm256_loadu_ps(reinterpret_cast<const float*>(at) + 8);
  }
};

struct F16 {
  static inline const unsigned char* column(const unsigned char* panel, int64_t k) {
    return panel + k * 32;
  }
  static inline void load(const unsigned char* at, int64_t, __m256 (&w)[2]) {
    w[0] = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    w[1] = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16)));
  }
};

struct Bf16 {
  static inline const unsigned char* column(const unsigned char* panel, int64_t k) {
    return panel + k / 2 * 64;
  }
  static inline void load(const unsigned char* at, int64_t k, __m256 (&w)[2]) {
    for (int h = 0; h < 2; ++h) {
      const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32 * h));
      w[h] = _mm256_castsi256_ps(k % 2 == 0
                                     ? _mm256_slli_epi32(pairs, 16)
                                     : _mm256_and_si256(pairs, _mm256_set1_epi32(int(0xFFFF0000))));
    }
  }
};

/// e4m3 through f16: the same sign and mantissa with a bias of 15 instead of 7, so 2^8 too small.
struct Fp8 {
  static inline const unsigned char* column(const unsigned char* codes, int64_t k) {
    return codes + k * 16;
  }
  static inline void load(const unsigned char* at, int64_t, __m256 (&w)[2]) {
    const __m256i code =
        _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    const __m256i magnitude = _mm256_set1_epi16(0x7F);
    const __m256i moved = _mm256_and_si256(_mm256_srai_epi16(_mm256_slli_epi16(code, 8), 1),
                                           _mm256_set1_epi16(short(0xBFFF)));
    const __m256i nan = _mm256_cmpeq_epi16(_mm256_and_si256(code, magnitude), magnitude);
    const __m256i half = _mm256_or_si256(moved, nan);
    const __m256 scale = _mm256_set1_ps(256);
    w[0] = _mm256_mul_ps(_mm256_cvtph_ps(_mm256_castsi256_si128(half)), scale);
    w[1] = _mm256_mul_ps(_mm256_cvtph_ps(_mm256_extracti128_si256(half, 1)), scale);
  }
};

template <int rows>
struct Accumulators {
  __m256 v[rows][2];
};

template <class Format, int rows>
inline void add_columns(const float* const (&x)[rows], const unsigned char* panel, int64_t begin,
                        int64_t end, Accumulators<rows>& acc) {
  for (int64_t k = begin; k < end; ++k) {
    __m256 w[2];
    Format::load(Format::column(panel, k), k, w);
    for (int r = 0; r < rows; ++r) {
      const __m256 value = _mm256_broadcast_ss(x[r] + k);
      acc.v[r][0] = _mm256_fmadd_ps(value, w[0], acc.v[r][0]);
      acc.v[r][1] = _mm256_fmadd_ps(value, w[1], acc.v[r][1]);
    }
  }
}

template <int rows>
inline void run_scaled_chains(const LinearArgs& a, const unsigned char* panel,
                              const float* const (&x)[rows], Accumulators<rows>& acc) {
  const int64_t col_blocks = (a.cols + a.block_cols - 1) / a.block_cols;
  const float* scales = reinterpret_cast<const float*>(panel);
  for (int64_t b = 0; b < col_blocks; ++b) {
    Accumulators<rows> inner;
    for (int r = 0; r < rows; ++r) inner.v[r][0] = inner.v[r][1] = _mm256_setzero_ps();
    const int64_t begin = b * a.block_cols;
    const int64_t end = begin + a.block_cols < a.cols ? begin + a.block_cols : a.cols;
    add_columns<Fp8, rows>(x, panel + col_blocks * 64, begin, end, inner);
    for (int h = 0; h < 2; ++h) {
      const __m256 scale = _mm256_loadu_ps(scales + b * panel_width + 8 * h);
      for (int r = 0; r < rows; ++r)
        acc.v[r][h] = _mm256_fmadd_ps(inner.v[r][h], scale, acc.v[r][h]);
    }
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
