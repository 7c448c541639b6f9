// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/rope_args.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void rope(const RopeArgs&) noexcept;
}
namespace avx2 {
void rope(const RopeArgs&) noexcept;
}
namespace avx512 {
void rope(const RopeArgs&) noexcept;
}

inline constexpr KernelFamily<RopeArgs, 3> rope_f32{
    "rope_f32",
    {{{"scalar", Device::cpu, 0, scalar::rope},
      {"avx2", Device::cpu, lanes_avx2, avx2::rope},
      {"avx512", Device::cpu, lanes_avx512, avx512::rope}}}};

}  // namespace deepseek::kernels
