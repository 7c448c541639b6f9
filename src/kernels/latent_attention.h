// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/family.h"
#include "kernels/latent_attention_args.h"

namespace deepseek::kernels {

namespace scalar {
void latent_attention(const LatentAttentionArgs& a) noexcept;
}

inline constexpr KernelFamily<LatentAttentionArgs, 1> latent_attention_f32{
    "latent_attention_f32", {{{"scalar", Device::cpu, 0, scalar::latent_attention}}}};

}  // namespace deepseek::kernels
