// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/exp_constants.h"

// Sixteen f32 lanes in two registers, for the kernels of kernels/vector. Everything here has
// internal linkage.

#define DEEPSEEK_ISA avx2

namespace deepseek::kernels::avx2 {
namespace {

struct Lanes {
  __m256 a, b;

  /// All ones in the first `count` of eight 32-bit lanes; count may be negative or past 8.
  static inline __m256i first(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static inline Lanes zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static inline Lanes all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static inline Lanes load(const float* at) {
    return {_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8)};
  }
  /// The first `count` < 16 values, then zeros.
  static inline Lanes load(const float* at, int64_t count) {
    return {_mm256_maskload_ps(at, first(count)), _mm256_maskload_ps(at + 8, first(count - 8))};
  }
  static inline Lanes load_bf16(const void* at) {
    const __m128i* halves = static_cast<const __m128i*>(at);
    return {widen(_mm_loadu_si128(halves)), widen(_mm_loadu_si128(halves + 1))};
  }
  static inline Lanes load_bf16(const void* at, int64_t count) {
    alignas(32) uint16_t bits[16] = {};
    for (int64_t i = 0; i < count; ++i) bits[i] = static_cast<const uint16_t*>(at)[i];
    return load_bf16(bits);
  }
  inline void store(float* at) const {
    _mm256_storeu_ps(at, a);
    _mm256_storeu_ps(at + 8, b);
  }
  inline void store(float* at, int64_t count) const {
    _mm256_maskstore_ps(at, first(count), a);
    _mm256_maskstore_ps(at + 8, first(count - 8), b);
  }
  /// The first `count` lanes, then `other`.
  inline Lanes keep(int64_t count, Lanes other) const {
    return {_mm256_blendv_ps(other.a, a, _mm256_castsi256_ps(first(count))),
            _mm256_blendv_ps(other.b, b, _mm256_castsi256_ps(first(count - 8)))};
  }

 private:
  static inline __m256 widen(__m128i bits) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
};

/// Queries and vectors of sixteen whose accumulators fit the registers together.
constexpr int tile_queries = 6;
constexpr int tile_vectors = 1;
/// Cache positions scored together for sixteen heads.
constexpr int tile_positions = 6;

inline Lanes operator+(Lanes x, Lanes y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
inline Lanes operator-(Lanes x, Lanes y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
inline Lanes operator*(Lanes x, Lanes y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
inline Lanes operator/(Lanes x, Lanes y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
inline Lanes fma(Lanes x, Lanes y, Lanes z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
/// x > y ? x : y
inline Lanes larger(Lanes x, Lanes y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }

inline __m256 power_of_two(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

inline __m256 exp(__m256 x) {
  x = _mm256_max_ps(_mm256_set1_ps(exp_lowest), x);
  x = _mm256_min_ps(_mm256_set1_ps(exp_highest), x);
  const __m256 shift = _mm256_set1_ps(exp_round);
  const __m256 n = _mm256_sub_ps(_mm256_fmadd_ps(x, _mm256_set1_ps(exp_log2e), shift), shift);
  __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(exp_minus_ln2_high), x);
  r = _mm256_fmadd_ps(n, _mm256_set1_ps(exp_minus_ln2_low), r);
  __m256 p = _mm256_set1_ps(exp_polynomial[exp_terms - 1]);
  for (int i = exp_terms - 2; i >= 0; --i)
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(exp_polynomial[i]));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
  // 2^n in two factors: the first product is exact, so only a subnormal result is rounded, once.
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  return _mm256_mul_ps(_mm256_mul_ps(p, power_of_two(half)),
                       power_of_two(_mm256_sub_epi32(whole, half)));
}
inline Lanes exp(Lanes x) { return {exp(x.a), exp(x.b)}; }

/// Lane i with i + 8, then i + 4, i + 2, i + 1.
inline float sum(Lanes x) {
  const __m256 half = _mm256_add_ps(x.a, x.b);
  const __m128 p = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 q = _mm_add_ps(p, _mm_movehl_ps(p, p));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
inline float largest(Lanes x) {
  const __m256 half = _mm256_max_ps(x.a, x.b);
  const __m128 p = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 q = _mm_max_ps(p, _mm_movehl_ps(p, p));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

/// Sixteen f64 sums.
struct DoubleLanes {
  __m256d v[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(),
                  _mm256_setzero_pd()};

  inline void add(Lanes x) {
    v[0] = _mm256_add_pd(v[0], _mm256_cvtps_pd(_mm256_castps256_ps128(x.a)));
    v[1] = _mm256_add_pd(v[1], _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1)));
    v[2] = _mm256_add_pd(v[2], _mm256_cvtps_pd(_mm256_castps256_ps128(x.b)));
    v[3] = _mm256_add_pd(v[3], _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1)));
  }
  inline double sum() const {
    const __m256d p = _mm256_add_pd(_mm256_add_pd(v[0], v[2]), _mm256_add_pd(v[1], v[3]));
    const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(p), _mm256_extractf128_pd(p, 1));
    return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
  }
};

}  // namespace
}  // namespace deepseek::kernels::avx2
