// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/swiglu_args.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void swiglu(const SwigluArgs&) noexcept;
}
namespace avx2 {
void swiglu(const SwigluArgs&) noexcept;
}
namespace avx512 {
void swiglu(const SwigluArgs&) noexcept;
}

inline constexpr KernelFamily<SwigluArgs, 3> swiglu_f32{
    "swiglu_f32",
    {{{"scalar", Device::cpu, 0, scalar::swiglu},
      {"avx2", Device::cpu, lanes_avx2, avx2::swiglu},
      {"avx512", Device::cpu, lanes_avx512, avx512::swiglu}}}};

}  // namespace deepseek::kernels
