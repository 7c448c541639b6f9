// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exp_rows_args.h"
#include "kernels/family.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void exp_rows(const ExpRowsArgs&) noexcept;
}
namespace avx2 {
void exp_rows(const ExpRowsArgs&) noexcept;
}
namespace avx512 {
void exp_rows(const ExpRowsArgs&) noexcept;
}

inline constexpr KernelFamily<ExpRowsArgs, 3> exp_rows_f32{
    "exp_rows_f32",
    {{{"scalar", Device::cpu, 0, scalar::exp_rows},
      {"avx2", Device::cpu, lanes_avx2, avx2::exp_rows},
      {"avx512", Device::cpu, lanes_avx512, avx512::exp_rows}}}};

}  // namespace deepseek::kernels
