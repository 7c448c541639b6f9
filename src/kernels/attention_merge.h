// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attention_merge_args.h"
#include "kernels/family.h"

namespace deepseek::kernels {

namespace scalar {
void attention_merge(const AttentionMergeArgs& a) noexcept;
}

inline constexpr KernelFamily<AttentionMergeArgs, 1> attention_merge_f32{
    "attention_merge_f32", {{{"scalar", Device::cpu, 0, scalar::attention_merge}}}};

}  // namespace deepseek::kernels
