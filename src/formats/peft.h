// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace deepseek {

/// The low-rank update of one linear map: y += scale * b (a x)   (Hu et al., 2021, Eq. 3).
struct LoraPair {
  Tensor a;         // [r, inputs], in the type of the file
  Tensor b;         // [outputs, r]
  float scale = 1;  // alpha / r, or alpha / sqrt(r) for rank-stabilised adapters
};

/// A LoRA adapter in PEFT's layout.
struct PeftAdapter {
  std::filesystem::path path;  // the folder
  std::string base_model;      // as the adapter names it; may be empty
  int64_t r = 0;
  double lora_alpha = 0;
  bool use_rslora = false;
  std::vector<std::string> target_modules;
  /// By the name of the linear map in the base checkpoint, without ".weight":
  /// "model.layers.0.self_attn.q_proj".
  std::map<std::string, LoraPair> pairs;
};

/// Reads `adapter_config.json` and `adapter_model.safetensors` of a folder. Throws not_found when
/// one is missing; unsupported naming the field when the adapter needs more than low-rank updates
/// of linear maps (DoRA, biases, whole modules, other adapter kinds); bad_file naming the field or
/// tensor when it is damaged.
PeftAdapter read_peft_adapter(const std::filesystem::path& folder);

}  // namespace deepseek
