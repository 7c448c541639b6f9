// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "formats/reply/reply_parser.h"
#include "formats/reply/tool_grammar.h"
#include "serve/api/answer.h"
#include "serve/api/api.h"
#include "serve/api/chat_prompt.h"
#include "serve/api/request_fields.h"

namespace deepseek::serve {

/// Which calls a reply may or must hold.
struct ToolChoice {
  enum class Kind { none, allowed, required } kind = Kind::allowed;
  std::string name;  // the one function that may be called; empty: any
  bool parallel = true;
};

/// A conversation to be answered, whatever dialect it came in.
struct ChatJob {
  std::string model;  // as the request names it
  ChatInput input;
  std::optional<std::vector<int32_t>> prompt;  // goes in place of the conversation, as it is
  const char* prompt_field = "messages";       // that a prompt too long is told by
  ToolChoice tool_choice;
  bool strict_tools = false;         // schemas must be strict ones
  bool strict_replay = true;         // calls without the reasoning before them are refused
  std::optional<OutputBound> bound;  // what the answer is bound to
  std::optional<int64_t> thinking_budget;
  GenerateRequest request;  // all but prompt, constraints, thinking
};

/// What is being written: parts of reasoning, content and calls of each choice, and how it ended.
struct ChatAnswer {
  Ticket ticket;
  std::shared_ptr<Bill> bill;
  RequestClass work;
  std::vector<ReplyParser> parsers;  // one a choice
  std::vector<std::string> warnings;
  int64_t prompt_tokens = 0;
};

/// DeepSeek's name of an effort: minimal is low, medium and xhigh are high, ultra is max; empty for
/// none.
std::string deepseek_effort(const std::string& asked);

/// Renders the prompt, binds the output, has `http`'s key pay for it, submits within its time
/// limits. Throws RequestError.
ChatAnswer start_chat(const ApiContext& context, const HttpRequest& http, ModelHost& host,
                      ChatJob job);

/// The functions of `tools`, checked. Throws RequestError 400 and 422 with `param`.
std::vector<ToolFunction> tool_functions(const nlohmann::ordered_json& tools, bool strict);

}  // namespace deepseek::serve
