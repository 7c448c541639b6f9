// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/expert_combine_args.h"
#include "kernels/family.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void expert_combine(const ExpertCombineArgs&) noexcept;
}
namespace avx2 {
void expert_combine(const ExpertCombineArgs&) noexcept;
}
namespace avx512 {
void expert_combine(const ExpertCombineArgs&) noexcept;
}

inline constexpr KernelFamily<ExpertCombineArgs, 3> expert_combine_f32{
    "expert_combine_f32",
    {{{"scalar", Device::cpu, 0, scalar::expert_combine},
      {"avx2", Device::cpu, lanes_avx2, avx2::expert_combine},
      {"avx512", Device::cpu, lanes_avx512, avx512::expert_combine}}}};

}  // namespace deepseek::kernels
