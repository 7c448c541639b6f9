// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace deepseek {

/// values[i] = exp((values[i] - shift) / divisor), in float64 on the calling thread; arguments must
/// not be positive. Within 1 ulp or so of exact, zero below exp(-708); the same bits on every
/// machine.
void exp_scaled(std::span<double> values, double shift, double divisor);

}  // namespace deepseek
