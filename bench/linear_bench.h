// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/kernel_suite.h"

namespace deepseek::bench {

/// Packing and linear maps of every format.
void bench_linear(const KernelSuite& suite);

}  // namespace deepseek::bench
