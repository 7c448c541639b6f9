// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek {

/// a / b rounded up, of an `a` that is not negative and a `b` above zero.
constexpr int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

}  // namespace deepseek
