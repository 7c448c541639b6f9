// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/paged_attention_args.h"

namespace deepseek::kernels {

namespace scalar {
void paged_attention(const PagedAttentionArgs& a) noexcept;
}

inline constexpr KernelFamily<PagedAttentionArgs, 1> paged_attention_f32{
    "paged_attention_f32", {{{"scalar", Device::cpu, 0, scalar::paged_attention}}}};

}  // namespace deepseek::kernels
