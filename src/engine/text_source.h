// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/template_source.h"
#include "formats/tokenizer.h"
#include "model/open.h"

namespace deepseek {

/// What of a checkpoint makes ids of text and chats, without its weights.
struct TextSource {
  Tokenizer tokenizer;  // as wide as the model's logits
  TemplateSource templates;

  /// The template itself, the one for tools where there are several; empty when there is none.
  std::string chat_template() const;
};

/// Throws not_found or bad_file naming the file and the field; bad_file too for a tokenizer with
/// ids past the model's vocabulary.
TextSource open_text(const CheckpointFiles& files, const ModelConfig& config);

}  // namespace deepseek
