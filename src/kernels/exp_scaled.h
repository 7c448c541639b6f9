// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exp_scaled_args.h"
#include "kernels/family.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void exp_scaled(const ExpScaledArgs&) noexcept;
}
namespace avx2 {
void exp_scaled(const ExpScaledArgs&) noexcept;
}
namespace avx512 {
void exp_scaled(const ExpScaledArgs&) noexcept;
}

inline constexpr KernelFamily<ExpScaledArgs, 3> exp_scaled_f64{
    "exp_scaled_f64",
    {{{"scalar", Device::cpu, 0, scalar::exp_scaled},
      {"avx2", Device::cpu, lanes_avx2, avx2::exp_scaled},
      {"avx512", Device::cpu, lanes_avx512, avx512::exp_scaled}}}};

}  // namespace deepseek::kernels
