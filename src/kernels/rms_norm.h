// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/rms_norm_args.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void rms_norm(const RmsNormArgs&) noexcept;
}
namespace avx2 {
void rms_norm(const RmsNormArgs&) noexcept;
}
namespace avx512 {
void rms_norm(const RmsNormArgs&) noexcept;
}

inline constexpr KernelFamily<RmsNormArgs, 3> rms_norm_f32{
    "rms_norm_f32",
    {{{"scalar", Device::cpu, 0, scalar::rms_norm},
      {"avx2", Device::cpu, lanes_avx2, avx2::rms_norm},
      {"avx512", Device::cpu, lanes_avx512, avx512::rms_norm}}}};

}  // namespace deepseek::kernels
