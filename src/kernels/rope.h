// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/rope_args.h"

namespace deepseek::kernels {

namespace scalar {
void rope(const RopeArgs& a) noexcept;
}

inline constexpr KernelFamily<RopeArgs, 1> rope_f32{"rope_f32",
                                                    {{{"scalar", Device::cpu, 0, scalar::rope}}}};

}  // namespace deepseek::kernels
