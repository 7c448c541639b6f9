// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/config.h"

namespace deepseek {

/// Where a Hugging Face tensor lies in a GGUF file. An expert's matrix is a slice of a stack.
struct GgufPlace {
  std::string name;
  std::optional<int64_t> expert;

  bool operator==(const GgufPlace&) const = default;
};

/// The GGUF place of a tensor with this Hugging Face name, by the one table that reading and
/// converting share; nothing for names GGUF has no place for (MTP layers, FP8 scales). kv_b_proj
/// maps to the fused form, `attn_kv_b`.
std::optional<GgufPlace> gguf_place(std::string_view hf_name);

/// The inverse: the Hugging Face name of a GGUF tensor; for a stack of experts that of one of them.
/// Nothing for names this table does not have. `attn_k_b` and `attn_v_b` have no counterpart.
std::optional<std::string> hf_name_of(std::string_view gguf_name, int64_t expert = 0);

/// GGUF's general.architecture of a family, and back. Empty when there is none.
std::string_view gguf_architecture(const ModelConfig& config);

}  // namespace deepseek
