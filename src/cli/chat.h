// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/console.h"
#include "cli/flags.h"
#include "engine/generate.h"
#include "engine/text_model.h"

namespace deepseek::cli {

/// A conversation with a model: messages so far, how to sample, and what the last answer took.
class Chat {
 public:
  Chat(TextModel& model, const Flags& flags, Console& console);

  /// Adds a user message and the model's answer, shown as it comes. When that fails, or is
  /// cancelled before anything was said, the message is forgotten.
  Generated answer(const std::string& message);

  /// A line that begins with '/'. Answers false when the chat is over. Throws for what it cannot
  /// do.
  bool command(const std::string& line);

  const SampleOptions& sample() const { return options_.sample; }

 private:
  void set(const std::string& words);
  void think(const std::string& word);
  void save(const std::string& path) const;
  void load(const std::string& path);
  void show_stats();
  nlohmann::ordered_json context() const;
  void show(std::string_view text);

  TextModel& model_;
  Console& console_;
  Conversation conversation_;
  GenerateOptions options_;
  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();  // without the system message
  std::optional<std::string> system_;
  std::optional<bool> think_;
  std::optional<Generated> last_;
};

}  // namespace deepseek::cli
