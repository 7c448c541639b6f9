// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cli/console.h"
#include "cli/flags.h"
#include "core/json.h"
#include "engine/generate.h"
#include "engine/text_model.h"

namespace deepseek::cli {

/// A conversation with a model: messages so far, how to sample, and what the last answer took.
class Chat {
 public:
  Chat(TextModel& model, const Flags& flags, Console& console);

  /// Adds a user message and the model's answer, shown as it comes. When that fails, or is
  /// cancelled before anything was said, the message is forgotten. Throws invalid_input when the
  /// context has no room for the message and an answer.
  Generated answer(const std::string& message);
  /// Whether the context has no room for another token after the last answer.
  bool is_full() const;
  /// TextModel::context_flag.
  std::string_view context_flag() const { return model_.context_flag(); }

  /// Whether a message is for command(): it begins with '/'. One of several lines, such as pasted
  /// code, must also begin with the name of a command.
  static bool is_command(std::string_view message);
  /// Answers false when the chat is over. Throws for what it cannot do.
  bool command(const std::string& line);

  const SampleOptions& sample() const { return options_.sample; }

 private:
  void set(std::string words);
  void show_settings();
  void set_system(const std::string& text);
  void think(const std::string& word);
  void save(const std::string& path);
  void load(const std::string& path);
  void show_stats();
  nlohmann::ordered_json context() const;
  void show(std::string_view text);
  void forget_last_message();

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
