// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/swiglu_args.h"

namespace deepseek::kernels {

namespace scalar {
void swiglu(const SwigluArgs& a) noexcept;
}

inline constexpr KernelFamily<SwigluArgs, 1> swiglu_f32{
    "swiglu_f32", {{{"scalar", Device::cpu, 0, scalar::swiglu}}}};

}  // namespace deepseek::kernels
