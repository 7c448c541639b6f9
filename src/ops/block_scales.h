// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "ops/weight.h"

namespace deepseek {

/// The first row of a weight in rows whose blocks have a scale or minimum that is NaN or infinite:
/// the file is damaged. Formats without such scales, and fp8, whose scales are checked where they
/// are read, have none.
std::optional<int64_t> row_with_bad_scale(const Weight& weight);

}  // namespace deepseek
