// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/exp_constants.h"

// Sixteen f32 lanes, for the kernels of kernels/vector. Everything here has internal linkage.

#define DEEPSEEK_ISA avx512

namespace deepseek::kernels::avx512 {
namespace {

struct Lanes {
  __m512 v;

  static inline __mmask16 first(int64_t count) { return static_cast<__mmask16>((1u << count) - 1); }
  static inline Lanes zero() { return {_mm512_setzero_ps()}; }
  static inline Lanes all(float x) { return {_mm512_set1_ps(x)}; }
  static inline Lanes load(const float* at) { return {_mm512_loadu_ps(at)}; }
  /// The first `count` < 16 values, then zeros.
  static inline Lanes load(const float* at, int64_t count) {
    return {_mm512_maskz_loadu_ps(first(count), at)};
  }
  static inline Lanes load_bf16(const void* at) {
    return widen(_mm256_loadu_si256(static_cast<const __m256i*>(at)));
  }
  static inline Lanes load_bf16(const void* at, int64_t count) {
    return widen(_mm256_maskz_loadu_epi16(first(count), at));
  }
  inline void store(float* at) const { _mm512_storeu_ps(at, v); }
  inline void store(float* at, int64_t count) const { _mm512_mask_storeu_ps(at, first(count), v); }
  /// The first `count` lanes, then `other`.
  inline Lanes keep(int64_t count, Lanes other) const {
    return {_mm512_mask_blend_ps(first(count), other.v, v)};
  }

 private:
  static inline Lanes widen(__m256i bits) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
  }
};

/// Queries and vectors of sixteen whose accumulators fit the registers together.
constexpr int tile_queries = 6;
constexpr int tile_vectors = 4;
/// Cache positions scored together for sixteen heads.
constexpr int tile_positions = 16;

inline Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Lanes operator/(Lanes a, Lanes b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
/// a > b ? a : b
inline Lanes larger(Lanes a, Lanes b) { return {_mm512_max_ps(a.v, b.v)}; }

inline Lanes exp(Lanes x) {
  __m512 c = _mm512_max_ps(_mm512_set1_ps(exp_lowest), x.v);
  c = _mm512_min_ps(_mm512_set1_ps(exp_highest), c);
  const __m512 shift = _mm512_set1_ps(exp_round);
  const __m512 n = _mm512_sub_ps(_mm512_fmadd_ps(c, _mm512_set1_ps(exp_log2e), shift), shift);
  __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(exp_minus_ln2_high), c);
  r = _mm512_fmadd_ps(n, _mm512_set1_ps(exp_minus_ln2_low), r);
  __m512 p = _mm512_set1_ps(exp_polynomial[exp_terms - 1]);
  for (int i = exp_terms - 2; i >= 0; --i)
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(exp_polynomial[i]));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  return {_mm512_scalef_ps(p, n)};
}

inline __m256 upper_half(__m512 x) {
  return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1));
}

/// Lane i with i + 8, then i + 4, i + 2, i + 1.
inline float sum(Lanes x) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x.v), upper_half(x.v));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
inline float largest(Lanes x) {
  const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x.v), upper_half(x.v));
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

/// Sixteen f64 sums.
struct DoubleLanes {
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();

  inline void add(Lanes x) {
    low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(x.v)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(upper_half(x.v)));
  }
  inline double sum() const {
    const __m512d a = _mm512_add_pd(low, high);
    const __m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
    const __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
    return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
  }
};

}  // namespace
}  // namespace deepseek::kernels::avx512
