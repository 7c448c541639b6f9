// SPDX-License-Identifier: Apache-2.0
// Bound: arithmetic, some thirty operations for four values, and a division.
#include <immintrin.h>

#include "kernels/exp_scaled_args.h"
#include "kernels/exp_scaled_constants.h"

namespace deepseek::kernels::avx2 {
namespace {

inline __m256d exp_four(__m256d values, __m256d shift, __m256d divisor) {
  const __m256d lowest = _mm256_set1_pd(exp64_lowest), round = _mm256_set1_pd(exp64_round);
  const __m256d x = _mm256_div_pd(_mm256_sub_pd(values, shift), divisor);
  const __m256d clamped = _mm256_max_pd(x, lowest);
  const __m256d shifted = _mm256_add_pd(_mm256_mul_pd(clamped, _mm256_set1_pd(exp64_log2e)), round);
  const __m256d n = _mm256_sub_pd(shifted, round);
  const __m256d r =
      _mm256_sub_pd(_mm256_sub_pd(clamped, _mm256_mul_pd(n, _mm256_set1_pd(exp64_ln2_high))),
                    _mm256_mul_pd(n, _mm256_set1_pd(exp64_ln2_low)));
  __m256d p = _mm256_set1_pd(exp64_polynomial[0]);
  for (int term = 1; term < exp64_terms; ++term)
    p = _mm256_add_pd(_mm256_mul_pd(p, r), _mm256_set1_pd(exp64_polynomial[term]));
  const __m256i power = _mm256_slli_epi64(
      _mm256_add_epi64(_mm256_castpd_si256(shifted), _mm256_set1_epi64x(1023)), 52);
  const __m256d result = _mm256_mul_pd(p, _mm256_castsi256_pd(power));
  return _mm256_andnot_pd(_mm256_cmp_pd(x, lowest, _CMP_LT_OQ), result);
}

}  // namespace

void exp_scaled(const ExpScaledArgs& a) noexcept {
  const __m256d shift = _mm256_set1_pd(a.shift), divisor = _mm256_set1_pd(a.divisor);
  int64_t i = 0;
  for (; i + 4 <= a.count; i += 4)
    _mm256_storeu_pd(a.values + i, exp_four(_mm256_loadu_pd(a.values + i), shift, divisor));
  if (i == a.count) return;
  double rest[4] = {a.shift, a.shift, a.shift, a.shift};
  for (int64_t j = i; j < a.count; ++j) rest[j - i] = a.values[j];
  _mm256_storeu_pd(rest, exp_four(_mm256_loadu_pd(rest), shift, divisor));
  for (int64_t j = i; j < a.count; ++j) a.values[j] = rest[j - i];
}

}  // namespace deepseek::kernels::avx2
