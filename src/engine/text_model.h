// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/open_engine.h"
#include "formats/chat_template.h"
#include "formats/tokenizer.h"
#include "model/generation_config.h"

namespace deepseek {

struct TextSource;

/// Everything of a checkpoint that turns text into text: tokenizer, chat template, recommended
/// sampling, weights and the engine that runs them.
class TextModel {
 public:
  /// A Hugging Face folder or a GGUF file, decided by content. Throws not_found, bad_file or
  /// unsupported naming the file and the field.
  TextModel(const std::filesystem::path& path, const TextModelOptions& options);
  ~TextModel();
  TextModel(const TextModel&) = delete;
  TextModel& operator=(const TextModel&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const ModelConfig& config() const { return engine_->model().config(); }
  const GenerationConfig& generation_config() const { return generation_config_; }
  const Tokenizer& tokenizer() const;
  Engine& engine() { return *engine_; }
  /// Tokens a sequence may have: the model's context, or what the options and the cache allow.
  int64_t context_length() const { return context_length_; }
  /// The flag that makes the context longer; empty when it is the model's own.
  std::string_view context_flag() const { return context_flag_; }
  /// What to do about a prompt that is too long: "shorten it or raise --ctx".
  std::string context_remedy() const;
  /// Tokens that end a generation, from every place the checkpoint names them.
  const std::set<int32_t>& end_tokens() const { return end_tokens_; }

  /// Tells apart checkpoints, adapters and arithmetic: pages computed under one are never taken for
  /// another's. Made of names, sizes, times and samples of the files, so that it costs nothing to
  /// speak of; equal files that were copied may differ.
  const std::string& fingerprint() const { return fingerprint_; }
  /// The same of a checkpoint that is not loaded.
  static std::string fingerprint_of(const std::filesystem::path& path,
                                    const TextModelOptions& options);

  bool has_chat_template() const;
  /// The template itself, the one for tools where there are several; empty when there is none.
  std::string chat_template_text() const;
  /// The prompt of a chat: a JSON object with `messages` and what else the template reads; special
  /// tokens are filled in. Throws invalid_input when the checkpoint has no template.
  RenderedPrompt render(const nlohmann::ordered_json& context) const;
  /// Ids of a rendered prompt; special tokens that a message spells stay text.
  std::vector<int32_t> encode(const RenderedPrompt& prompt) const;

 private:
  std::filesystem::path path_;
  GenerationConfig generation_config_;
  std::unique_ptr<const TextSource> text_;
  std::set<int32_t> end_tokens_;
  std::string fingerprint_;
  std::unique_ptr<Engine> engine_;
  int64_t context_length_ = 0;
  std::string_view context_flag_;
};

}  // namespace deepseek
