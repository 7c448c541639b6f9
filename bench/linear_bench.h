// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/ceilings.h"

namespace deepseek::bench {

/// Prints a line for every case whose name contains `filter`.
void bench_linear(const Ceilings& ceilings, const std::string& filter, double seconds);

}  // namespace deepseek::bench
