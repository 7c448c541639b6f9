// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/expert_combine_args.h"
#include "kernels/family.h"

namespace deepseek::kernels {

namespace scalar {
void expert_combine(const ExpertCombineArgs& a) noexcept;
}

inline constexpr KernelFamily<ExpertCombineArgs, 1> expert_combine_f32{
    "expert_combine_f32", {{{"scalar", Device::cpu, 0, scalar::expert_combine}}}};

}  // namespace deepseek::kernels
