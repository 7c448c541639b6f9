// SPDX-License-Identifier: Apache-2.0
#include "kernels/exp_scaled.h"

#include <bit>

#include "kernels/exp_scaled_constants.h"

namespace deepseek::kernels::scalar {

void exp_scaled(const ExpScaledArgs& a) noexcept {
  for (int64_t i = 0; i < a.count; ++i) {
    const double x = (a.values[i] - a.shift) / a.divisor;
    const double clamped = x < exp64_lowest ? exp64_lowest : x;
    const double shifted = clamped * exp64_log2e + exp64_round;
    const double n = shifted - exp64_round;
    const double r = (clamped - n * exp64_ln2_high) - n * exp64_ln2_low;
    double p = exp64_polynomial[0];
    for (int term = 1; term < exp64_terms; ++term) p = p * r + exp64_polynomial[term];
    const uint64_t power = (std::bit_cast<uint64_t>(shifted) + 1023) << 52;
    a.values[i] = x < exp64_lowest ? 0 : p * std::bit_cast<double>(power);
  }
}

}  // namespace deepseek::kernels::scalar
