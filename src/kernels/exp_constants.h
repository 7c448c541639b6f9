// SPDX-License-Identifier: Apache-2.0
#pragma once

// exp(x) = 2^n * (1 + r * p(r)), n = round(x / ln 2), r = x - n * ln 2, evaluated by the same chain
// of fused multiply-adds in every variant, so that they agree bit for bit. Within 0.8 ulp; p is a
// minimax fit of (e^r - 1) / r on |r| <= ln 2 / 2.
namespace deepseek::kernels {

constexpr float exp_lowest = -104.0f;  // below it the result rounds to zero
constexpr float exp_highest = 89.0f;   // from here on the result is infinity
constexpr float exp_log2e = 0x1.715476p+0f;
constexpr float exp_round = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer
constexpr float exp_minus_ln2_high = -0.693359375f;
constexpr float exp_minus_ln2_low = 2.12194440e-4f;
constexpr int exp_terms = 6;
constexpr float exp_polynomial[exp_terms] = {0x1.000000p+0f, 0x1.fffffcp-2f, 0x1.555418p-3f,
                                             0x1.555826p-5f, 0x1.12682ep-7f, 0x1.6ae68ep-10f};

}  // namespace deepseek::kernels
