// SPDX-License-Identifier: Apache-2.0
// Bound: arithmetic, some thirty operations for eight values, and a division.
#include <immintrin.h>

#include "kernels/exp_scaled_args.h"
#include "kernels/exp_scaled_constants.h"

namespace deepseek::kernels::avx512 {
namespace {

inline __m512d exp_eight(__m512d values, __m512d shift, __m512d divisor) {
  const __m512d lowest = _mm512_set1_pd(exp64_lowest), round = _mm512_set1_pd(exp64_round);
  const __m512d x = _mm512_div_pd(_mm512_sub_pd(values, shift), divisor);
  const __m512d clamped = _mm512_max_pd(x, lowest);
  const __m512d shifted = _mm512_add_pd(_mm512_mul_pd(clamped, _mm512_set1_pd(exp64_log2e)), round);
  const __m512d n = _mm512_sub_pd(shifted, round);
  const __m512d r =
      _mm512_sub_pd(_mm512_sub_pd(clamped, _mm512_mul_pd(n, _mm512_set1_pd(exp64_ln2_high))),
                    _mm512_mul_pd(n, _mm512_set1_pd(exp64_ln2_low)));
  __m512d p = _mm512_set1_pd(exp64_polynomial[0]);
  for (int term = 1; term < exp64_terms; ++term)
    p = _mm512_add_pd(_mm512_mul_pd(p, r), _mm512_set1_pd(exp64_polynomial[term]));
  const __m512i power = _mm512_slli_epi64(
      _mm512_add_epi64(_mm512_castpd_si512(shifted), _mm512_set1_epi64(1023)), 52);
  const __m512d result = _mm512_mul_pd(p, _mm512_castsi512_pd(power));
  return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(x, lowest, _CMP_NLT_UQ), result);
}

}  // namespace

void exp_scaled(const ExpScaledArgs& a) noexcept {
  const __m512d shift = _mm512_set1_pd(a.shift), divisor = _mm512_set1_pd(a.divisor);
  int64_t i = 0;
  for (; i + 8 <= a.count; i += 8)
    _mm512_storeu_pd(a.values + i, exp_eight(_mm512_loadu_pd(a.values + i), shift, divisor));
  if (i == a.count) return;
  const __mmask8 rest = static_cast<__mmask8>((1u << (a.count - i)) - 1);
  _mm512_mask_storeu_pd(a.values + i, rest,
                        exp_eight(_mm512_mask_loadu_pd(shift, rest, a.values + i), shift, divisor));
}

}  // namespace deepseek::kernels::avx512
