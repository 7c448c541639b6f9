// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/exp_constants.h"

namespace deepseek::kernels::scalar {

/// The definition of exp for every kernel; see exp_constants.h. NaN stays NaN.
inline float exp(float x) {
  x = exp_lowest > x ? exp_lowest : x;
  x = exp_highest < x ? exp_highest : x;
  const float n = std::fma(x, exp_log2e, exp_round) - exp_round;
  const float r = std::fma(n, exp_minus_ln2_low, std::fma(n, exp_minus_ln2_high, x));
  float p = exp_polynomial[exp_terms - 1];
  for (int i = exp_terms - 2; i >= 0; --i) p = std::fma(p, r, exp_polynomial[i]);
  p = std::fma(p, r, 1.0f);
  if (std::isnan(x)) return x;
  const auto power = std::bit_cast<double>(static_cast<uint64_t>(static_cast<int>(n) + 1023) << 52);
  return static_cast<float>(p * power);  // rounded once, also where it is subnormal
}

/// Folds sixteen lanes into one value: lane i with i + 8, then i + 4, i + 2, i + 1.
template <class Combine>
float fold_lanes(const float* lanes, Combine combine) {
  float folded[8];
  for (int i = 0; i < 8; ++i) folded[i] = combine(lanes[i], lanes[i + 8]);
  for (int half = 4; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) folded[i] = combine(folded[i], folded[i + half]);
  return folded[0];
}

inline float larger(float a, float b) { return a > b ? a : b; }
inline float add(float a, float b) { return a + b; }

}  // namespace deepseek::kernels::scalar
