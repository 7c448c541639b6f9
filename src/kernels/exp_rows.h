// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exp_rows_args.h"
#include "kernels/family.h"

namespace deepseek::kernels {

namespace scalar {
void exp_rows(const ExpRowsArgs& a) noexcept;
}

inline constexpr KernelFamily<ExpRowsArgs, 1> exp_rows_f32{
    "exp_rows_f32", {{{"scalar", Device::cpu, 0, scalar::exp_rows}}}};

}  // namespace deepseek::kernels
