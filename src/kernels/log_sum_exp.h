// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/log_sum_exp_args.h"

namespace deepseek::kernels {

namespace scalar {
void log_sum_exp(const LogSumExpArgs& a) noexcept;
}

inline constexpr KernelFamily<LogSumExpArgs, 1> log_sum_exp_f32{
    "log_sum_exp_f32", {{{"scalar", Device::cpu, 0, scalar::log_sum_exp}}}};

}  // namespace deepseek::kernels
