// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/linear_variants.h"

namespace deepseek::kernels::avx2 {
namespace {

inline int largest_lane(__m256i v) {
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1));
  return _mm_cvtsi128_si32(m);
}

inline int sum_lanes(__m256i v) {
  __m128i m = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_add_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_add_epi32(m, _mm_shuffle_epi32(m, 0xB1));
  return _mm_cvtsi128_si32(m);
}

/// 32 small integers as bytes.
inline void store_bytes(const __m256i (&v)[4], int8_t* out) {
  const __m256i bytes =
      _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_store_si256(reinterpret_cast<__m256i*>(out), _mm256_permutevar8x32_epi32(bytes, order));
}

}  // namespace

void quantize_activations(const QuantizeArgs& a) noexcept {
  constexpr int infinity = 0x7F800000;
  constexpr float smallest = 0x1p-100f;
  const float most_steps = float(a.one_plane ? one_plane_max : activation_max);
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  for (int64_t b = 0; b < a.cols / activation_block; ++b) {
    __m256 x[4];
    __m256i most = _mm256_setzero_si256();
    for (int i = 0; i < 4; ++i) {
      x[i] = _mm256_loadu_ps(a.x + b * activation_block + 8 * i);
      // As integers, magnitudes order like floats, with infinity and then NaN above all.
      most = _mm256_max_epi32(most, _mm256_and_si256(_mm256_castps_si256(x[i]), magnitude));
    }
    const int bits = largest_lane(most);
    const bool finite = bits < infinity;
    float largest;
    __builtin_memcpy(&largest, &bits, 4);
    const bool zero = !finite || largest < smallest;
    const __m256 inverse = _mm256_set1_ps(zero ? 0 : most_steps / largest);
    const __m256i keep = _mm256_set1_epi32(zero ? 0 : -1);
    __m256i q[4];
    for (int i = 0; i < 4; ++i) {
      q[i] = _mm256_and_si256(_mm256_cvtps_epi32(_mm256_mul_ps(x[i], inverse)), keep);
    }
    ActivationBlock& out = a.out[b];
    __m256i upper[4], lower[4];
    for (int i = 0; i < 4; ++i) {
      upper[i] =
          a.one_plane ? q[i] : _mm256_srai_epi32(_mm256_add_epi32(q[i], _mm256_set1_epi32(64)), 7);
      lower[i] = a.one_plane ? _mm256_setzero_si256()
                             : _mm256_sub_epi32(q[i], _mm256_slli_epi32(upper[i], 7));
    }
    store_bytes(upper, out.upper);
    store_bytes(lower, out.lower);
    const int sum0 = sum_lanes(_mm256_add_epi32(q[0], q[1]));
    const int sum1 = sum_lanes(_mm256_add_epi32(q[2], q[3]));
    out.d = !finite ? __builtin_nanf("") : zero ? 0 : largest / most_steps;
    out.minus_sum = -(sum0 + sum1);
    out.minus_half[0] = -sum0;
    out.minus_half[1] = -sum1;
    out.sum = out.d * float(sum0 + sum1);
    out.half[0] = out.d * float(sum0);
    out.half[1] = out.d * float(sum1);
  }
}

}  // namespace deepseek::kernels::avx2
