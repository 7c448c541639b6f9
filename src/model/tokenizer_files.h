// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/config.h"
#include "model/generation_config.h"

namespace deepseek {

/// The tokenizer of a GGUF file as files of a Hugging Face folder.
struct TokenizerFiles {
  std::string tokenizer_json;
  std::string tokenizer_config_json;  // special tokens by name, chat templates
};

/// Nothing when the file has no tokenizer. Throws unsupported for another model than gpt2 and a
/// `pre` that is not known.
std::optional<TokenizerFiles> tokenizer_files_from_gguf(const GgufFile& file);

/// Adds tokenizer.ggml.* and the chat templates from tokenizer.json, tokenizer_config.json and
/// chat_template.jinja of a folder; of a folder without tokenizer.json only the ids that `config`
/// and `generation` name. Ids without a token become "[PADn]", unused. Throws unsupported for
/// anything but byte-level BPE and for a pre-tokenizer that no `pre` name stands for.
void add_tokenizer_fields(const std::filesystem::path& folder, const ModelConfig& config,
                          const GenerationConfig& generation, GgufFields& fields);

}  // namespace deepseek
