// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "core/json.h"
#include "serve/api/chat_prompt.h"

namespace deepseek::serve {

/// Of an item what this server knows, and nothing else, with a type and an id: as it is kept.
nlohmann::ordered_json known_item(const nlohmann::ordered_json& item);

/// Items of the Responses API become neutral messages: reasoning, a message and calls that follow
/// each other are one message of the assistant.
class ResponseItems {
 public:
  explicit ResponseItems(ChatInput& input) : input_(input) {}

  /// `where`: the item in the request. Throws RequestError 400 and 422 naming the field.
  void add(const nlohmann::ordered_json& item, const std::string& where);
  /// After the last item. Throws RequestError 400 for a call without its output.
  void finish();

 private:
  void add_message(const nlohmann::ordered_json& item, const std::string& where);
  void add_call(const nlohmann::ordered_json& item, const std::string& where);
  void add_output(const nlohmann::ordered_json& item, const std::string& where);
  void add_reasoning(const nlohmann::ordered_json& item, const std::string& where);
  nlohmann::ordered_json& assistant(const std::string& where);
  void flush();

  ChatInput& input_;
  nlohmann::ordered_json begun_;  // the assistant's message that more may come to; null: none
  std::string begun_at_;
  std::set<std::string> calls_, unanswered_;  // ids of calls
};

}  // namespace deepseek::serve
