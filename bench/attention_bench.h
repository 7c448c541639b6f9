// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/ceilings.h"

namespace deepseek::bench {

/// Cached attention, decoding and prefill, at the sizes of the models; a line for every case whose
/// name contains `filter`.
void bench_attention(const Ceilings& ceilings, const std::string& filter, double seconds);

/// The kernels that stream activations: norms, SwiGLU, rope, exp, expert combine.
void bench_elementwise(const Ceilings& ceilings, const std::string& filter, double seconds);

}  // namespace deepseek::bench
