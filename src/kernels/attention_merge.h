// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attention_merge_args.h"
#include "kernels/family.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void attention_merge(const AttentionMergeArgs&) noexcept;
}
namespace avx2 {
void attention_merge(const AttentionMergeArgs&) noexcept;
}
namespace avx512 {
void attention_merge(const AttentionMergeArgs&) noexcept;
}

inline constexpr KernelFamily<AttentionMergeArgs, 3> attention_merge_f32{
    "attention_merge_f32",
    {{{"scalar", Device::cpu, 0, scalar::attention_merge},
      {"avx2", Device::cpu, lanes_avx2, avx2::attention_merge},
      {"avx512", Device::cpu, lanes_avx512, avx512::attention_merge}}}};

}  // namespace deepseek::kernels
