// SPDX-License-Identifier: Apache-2.0
#include "engine/text_source.h"

#include "formats/gguf_vocabulary.h"

namespace deepseek {

std::string TextSource::chat_template() const {
  return templates.has_template() ? templates.choose(true, "").text : std::string();
}

TextSource open_text(const CheckpointFiles& files, const ModelConfig& config) {
  Tokenizer tokenizer =
      files.gguf
          ? Tokenizer::from_vocabulary(gguf_vocabulary(files.gguf->metadata()), files.path.string())
          : Tokenizer::open(files.path);
  tokenizer.pad_to(config.vocab_size);
  TemplateSource templates =
      files.gguf ? find_templates(*files.gguf, tokenizer) : find_templates(files.path, tokenizer);
  return {std::move(tokenizer), std::move(templates)};
}

}  // namespace deepseek
