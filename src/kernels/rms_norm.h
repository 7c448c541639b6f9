// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/rms_norm_args.h"

namespace deepseek::kernels {

namespace scalar {
void rms_norm(const RmsNormArgs& a) noexcept;
}

inline constexpr KernelFamily<RmsNormArgs, 1> rms_norm_f32{
    "rms_norm_f32", {{{"scalar", Device::cpu, 0, scalar::rms_norm}}}};

}  // namespace deepseek::kernels
