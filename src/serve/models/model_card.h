// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "engine/open_engine.h"
#include "formats/reply/reply_form.h"

namespace deepseek {
class TextModel;
}

namespace deepseek::serve {

/// What is known of a model that the server has, in memory or not.
class ModelCard {
 public:
  /// Reads the headers of its files, so that a model that cannot be served is refused at the start.
  /// Throws as TextModel.
  ModelCard(std::string name, const std::filesystem::path& path, const TextModelOptions& options);

  const std::string& name() const { return name_; }  // what requests call it
  const std::filesystem::path& path() const { return path_; }
  const ModelConfig& config() const { return config_; }
  /// Tokens a sequence may have.
  int64_t context_length() const { return plan_.context_length; }
  int64_t weight_bytes() const { return plan_.weight_bytes; }
  /// What it takes at most once it is loaded: weights and a full cache.
  int64_t memory_bytes() const { return plan_.weight_bytes + plan_.cache_bytes; }
  /// As TextModel's.
  const std::string& fingerprint() const { return fingerprint_; }
  /// When its files were last changed, seconds since 1970.
  int64_t changed() const { return changed_; }

  /// How its prompts and replies are written.
  struct Text {
    std::string chat_template;
    ReplyForm reply_form;
    bool fills_in_the_middle = false;

    Text(std::string chat_template, const Tokenizer& tokenizer);
  };
  /// Reads the tokenizer at the first call of a model that was never loaded: some tenths of a
  /// second for a large vocabulary.
  const Text& text() const;
  /// Takes it from the model once that is loaded.
  void take_text(const TextModel& model) const;

 private:
  std::string name_;
  std::filesystem::path path_;
  ModelConfig config_;
  MemoryPlan plan_;
  std::string fingerprint_;
  int64_t changed_ = 0;
  mutable std::mutex mutex_;
  mutable std::optional<Text> text_;
};

}  // namespace deepseek::serve
