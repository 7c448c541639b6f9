// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "ops/weight.h"

namespace deepseek::test {

/// Standard normal values from a counter-based generator.
std::vector<float> random_values(int64_t count, uint64_t seed);

/// A weight in rows with random codes and scales of usual size; fp8 gets blocks of
/// `block_rows` x `block_cols`.
Weight random_weight(Format format, int64_t rows, int64_t cols, uint64_t seed,
                     int64_t block_rows = 128, int64_t block_cols = 128);

/// The formats with a linear kernel of their own.
std::vector<Format> linear_formats();

}  // namespace deepseek::test
