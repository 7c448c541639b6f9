// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/paged_attention_args.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void paged_attention(const PagedAttentionArgs&) noexcept;
}
namespace avx2 {
void paged_attention(const PagedAttentionArgs&) noexcept;
}
namespace avx512 {
void paged_attention(const PagedAttentionArgs&) noexcept;
}

inline constexpr KernelFamily<PagedAttentionArgs, 3> paged_attention_f32{
    "paged_attention_f32",
    {{{"scalar", Device::cpu, 0, scalar::paged_attention},
      {"avx2", Device::cpu, lanes_avx2, avx2::paged_attention},
      {"avx512", Device::cpu, lanes_avx512, avx512::paged_attention}}}};

}  // namespace deepseek::kernels
