// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/latent_attention_args.h"
#include "kernels/vector/features.h"

namespace deepseek::kernels {

namespace scalar {
void latent_attention(const LatentAttentionArgs&) noexcept;
}
namespace avx2 {
void latent_attention(const LatentAttentionArgs&) noexcept;
}
namespace avx512 {
void latent_attention(const LatentAttentionArgs&) noexcept;
}

inline constexpr KernelFamily<LatentAttentionArgs, 3> latent_attention_f32{
    "latent_attention_f32",
    {{{"scalar", Device::cpu, 0, scalar::latent_attention},
      {"avx2", Device::cpu, lanes_avx2, avx2::latent_attention},
      {"avx512", Device::cpu, lanes_avx512, avx512::latent_attention}}}};

}  // namespace deepseek::kernels
