// SPDX-License-Identifier: Apache-2.0
#pragma once

// exp(x) for x <= 0: x = n ln 2 + r, Taylor's polynomial in |r| <= ln(2)/2, then n into the
// exponent. Products and sums are not fused, so that every instruction set gives the same bits.
// Within 1 ulp or so.
namespace deepseek::kernels {

constexpr double exp64_lowest = -708;
constexpr double exp64_log2e = 0x1.71547652b82fep0;
constexpr double exp64_round = 0x1.8p52;  // adding it leaves the nearest integer
constexpr double exp64_ln2_high = 0x1.62e42fee00000p-1;
constexpr double exp64_ln2_low = 0x1.a39ef35793c76p-33;
constexpr int exp64_terms = 14;
constexpr double exp64_polynomial[exp64_terms] = {1.0 / 6227020800,
                                                  1.0 / 479001600,
                                                  1.0 / 39916800,
                                                  1.0 / 3628800,
                                                  1.0 / 362880,
                                                  1.0 / 40320,
                                                  1.0 / 5040,
                                                  1.0 / 720,
                                                  1.0 / 120,
                                                  1.0 / 24,
                                                  1.0 / 6,
                                                  0.5,
                                                  1,
                                                  1};

}  // namespace deepseek::kernels
