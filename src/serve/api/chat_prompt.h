// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "serve/models/model_host.h"

namespace deepseek::serve {

/// A conversation in the neutral shape that every dialect is brought into: messages as DeepSeek's
/// chat API has them, with `content` a string.
struct ChatInput {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  std::vector<std::string> places;  // of the messages in the request; empty: "messages[i]"
  nlohmann::ordered_json tools = nlohmann::ordered_json::array();  // {"type": "function", …}
  std::optional<bool> thinking;                                    // unset: the model's own way
  std::string effort;          // "high", "max"; empty: none asked for
  bool continue_last = false;  // the reply goes on with the last message, the assistant's
  nlohmann::ordered_json template_values = nlohmann::ordered_json::object();  // for the template
};

struct ChatPrompt {
  std::vector<int32_t> tokens;
  std::string text;
  bool inside_reasoning = false;      // the reply begins within it
  std::vector<std::string> warnings;  // what was asked for and is not to be had
};

/// The prompt of a conversation. Special tokens that a message spells stay text. Throws
/// RequestError 400 for what the template refuses.
ChatPrompt chat_prompt(const ModelHost& host, ChatInput input);

/// The form in which the model calls functions; for a template that knows none, the one that the
/// prompt then explains.
const ToolForm& tool_form_of(const ModelHost& host);

}  // namespace deepseek::serve
