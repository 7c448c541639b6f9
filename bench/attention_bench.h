// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/kernel_suite.h"

namespace deepseek::bench {

/// Cached attention, decoding and prefill, at the sizes of the models.
void bench_attention(const KernelSuite& suite);

/// The kernels that stream activations: norms, SwiGLU, rope, exp, expert combine.
void bench_elementwise(const KernelSuite& suite);

}  // namespace deepseek::bench
