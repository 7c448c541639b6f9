// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/log_sum_exp_args.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void log_sum_exp(const LogSumExpArgs&) noexcept;
}
namespace avx2 {
void log_sum_exp(const LogSumExpArgs&) noexcept;
}
namespace avx512 {
void log_sum_exp(const LogSumExpArgs&) noexcept;
}

inline constexpr KernelFamily<LogSumExpArgs, 3> log_sum_exp_f32{
    "log_sum_exp_f32",
    {{{"scalar", Device::cpu, 0, scalar::log_sum_exp},
      {"avx2", Device::cpu, lanes_avx2, avx2::log_sum_exp},
      {"avx512", Device::cpu, lanes_avx512, avx512::log_sum_exp}}}};

}  // namespace deepseek::kernels
