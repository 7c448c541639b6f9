// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "model/placing_source.h"
#include "model/transformer.h"

namespace deepseek {

/// Puts a PEFT LoRA adapter beside the weights of a model, unmerged: y = W x + scale b (a x). With
/// `trainable` its tensors are parameters, answered under their file's names. Throws what
/// place_adapter does, and unsupported for updates of routed experts.
std::vector<NamedParameter> attach_lora(Transformer& model, const std::filesystem::path& folder,
                                        bool trainable);

}  // namespace deepseek
