// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "formats/template_source.h"
#include "formats/tokenizer.h"

namespace deepseek::cli {

/// The tokenizer of what `model` names: a model, a tokenizer.json, a GGUF file with or without
/// tensors.
Tokenizer open_tokenizer(const std::string& model);

/// The chat templates of what `model` names: one of those, or a file that is a template itself.
TemplateSource open_templates(const std::string& model);

}  // namespace deepseek::cli
