// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/cpu.h"

namespace deepseek::kernels {

/// What the files that include kernels/vector are built with.
inline constexpr cpu::Features lanes_avx2 = cpu::avx2 | cpu::fma | cpu::f16c;
inline constexpr cpu::Features lanes_avx512 =
    lanes_avx2 | cpu::avx512f | cpu::avx512bw | cpu::avx512dq | cpu::avx512vl;

}  // namespace deepseek::kernels
