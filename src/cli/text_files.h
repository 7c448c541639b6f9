// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "formats/tokenizer.h"

namespace deepseek::cli {

/// The tokenizer of what `model` names: a model, a tokenizer.json, a GGUF file with or without
/// tensors.
Tokenizer open_tokenizer(const std::string& model);

}  // namespace deepseek::cli
