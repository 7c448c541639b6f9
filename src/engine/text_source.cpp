// SPDX-License-Identifier: Apache-2.0
#include "engine/text_source.h"

#include "core/error.h"
#include "formats/gguf_vocabulary.h"

namespace deepseek {

std::string TextSource::chat_template() const {
  return templates.has_template() ? templates.choose(true, "").text : std::string();
}

namespace {

/// Refuses words that the model has no embedding for. Fewer are usual: embeddings are padded. A
/// special token too many is one of training, such as of padding, that no text of a model has.
void check_vocabulary(const Tokenizer& tokenizer, int64_t vocab_size) {
  int64_t last = tokenizer.vocab_size() - 1;
  while (last >= vocab_size && tokenizer.is_special(static_cast<int32_t>(last))) --last;
  if (last < vocab_size) return;
  fail(ErrorKind::bad_file, tokenizer.name(), ": token \"",
       printable(tokenizer.token_piece(static_cast<int32_t>(last))),
       "\": expected an id below the model's vocab_size ", vocab_size, ", got ", last,
       "; the tokenizer is of another model, take the one that was published with the weights");
}

}  // namespace

TextSource open_text(const CheckpointFiles& files, const ModelConfig& config) {
  Tokenizer tokenizer =
      files.gguf
          ? Tokenizer::from_vocabulary(gguf_vocabulary(files.gguf->metadata()), files.path.string())
          : Tokenizer::open(files.path);
  check_vocabulary(tokenizer, config.vocab_size);
  tokenizer.pad_to(config.vocab_size);
  TemplateSource templates =
      files.gguf ? find_templates(*files.gguf, tokenizer) : find_templates(files.path, tokenizer);
  return {std::move(tokenizer), std::move(templates)};
}

}  // namespace deepseek
