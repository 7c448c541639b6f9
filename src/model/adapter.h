// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "formats/peft.h"
#include "model/config.h"

namespace deepseek {

/// The updates of an adapter as this model takes them, by the name of the linear map without
/// ".weight", in f32. Where the model's q and k rows stand in the order of a GGUF file, so do the
/// rows of b. Throws bad_file naming adapter, tensor, expected and got when the model has no such
/// linear map or has it in another shape; unsupported for routers and kv_b_proj.
std::map<std::string, LoraPair> place_adapter(const PeftAdapter& adapter,
                                              const ModelConfig& config);

}  // namespace deepseek
