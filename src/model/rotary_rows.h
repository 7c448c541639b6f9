// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "model/config.h"
#include "tensor/tensor.h"

namespace deepseek {

/// How many heads the rows of a tensor of this Hugging Face name belong to, when GGUF files of the
/// family store them in another order: q_proj and k_proj of llama and deepseek, whose rotary pairs
/// (i, i + d/2) become neighbours there, [2, d/2] -> [d/2, 2] in each head. 0 for all others.
int64_t rotary_heads(const ModelConfig& config, std::string_view hf_name);

/// The rows of x [heads * d, cols] (or [heads * d]) with each head's two halves interleaved.
Tensor interleave_rows(const Tensor& x, int64_t heads);
/// The inverse.
Tensor deinterleave_rows(const Tensor& x, int64_t heads);

}  // namespace deepseek
