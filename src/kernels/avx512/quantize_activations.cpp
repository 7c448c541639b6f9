// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/linear_variants.h"

namespace deepseek::kernels::avx512 {
namespace {

inline void store_planes(__m512i v, bool one_plane, int8_t* upper, int8_t* lower) {
  if (one_plane) {
    _mm_store_si128(reinterpret_cast<__m128i*>(upper), _mm512_cvtepi32_epi8(v));
    return _mm_store_si128(reinterpret_cast<__m128i*>(lower), _mm_setzero_si128());
  }
  const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(64)), 7);
  _mm_store_si128(reinterpret_cast<__m128i*>(upper), _mm512_cvtepi32_epi8(high));
  const __m512i low = _mm512_sub_epi32(v, _mm512_slli_epi32(high, 7));
  _mm_store_si128(reinterpret_cast<__m128i*>(lower), _mm512_cvtepi32_epi8(low));
}

}  // namespace

void quantize_activations(const QuantizeArgs& a) noexcept {
  constexpr int infinity = 0x7F800000;
  constexpr float smallest = 0x1p-100f;
  const float most_steps = float(a.one_plane ? one_plane_max : activation_max);
  const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  for (int64_t b = 0; b < a.cols / activation_block; ++b) {
    const __m512 first = _mm512_loadu_ps(a.x + b * activation_block);
    const __m512 second = _mm512_loadu_ps(a.x + b * activation_block + 16);
    // As integers, magnitudes order like floats, with infinity and then NaN above all.
    const int bits = _mm512_reduce_max_epi32(
        _mm512_max_epi32(_mm512_and_si512(_mm512_castps_si512(first), magnitude),
                         _mm512_and_si512(_mm512_castps_si512(second), magnitude)));
    const bool finite = bits < infinity;
    float largest;
    __builtin_memcpy(&largest, &bits, 4);
    const bool zero = !finite || largest < smallest;
    const __mmask16 keep = zero ? 0 : 0xFFFF;
    const __m512 inverse = _mm512_set1_ps(zero ? 0 : most_steps / largest);
    const __m512i q0 = _mm512_maskz_cvtps_epi32(keep, _mm512_mul_ps(first, inverse));
    const __m512i q1 = _mm512_maskz_cvtps_epi32(keep, _mm512_mul_ps(second, inverse));
    ActivationBlock& out = a.out[b];
    store_planes(q0, a.one_plane, out.upper, out.lower);
    store_planes(q1, a.one_plane, out.upper + 16, out.lower + 16);
    const int sum0 = _mm512_reduce_add_epi32(q0), sum1 = _mm512_reduce_add_epi32(q1);
    out.d = !finite ? __builtin_nanf("") : zero ? 0 : largest / most_steps;
    out.minus_sum = -(sum0 + sum1);
    out.minus_half[0] = -sum0;
    out.minus_half[1] = -sum1;
    out.sum = out.d * float(sum0 + sum1);
    out.half[0] = out.d * float(sum0);
    out.half[1] = out.d * float(sum1);
  }
}

}  // namespace deepseek::kernels::avx512
