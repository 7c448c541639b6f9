// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "formats/tokenizer.h"

namespace deepseek {

/// A DSML parameter: parameter_open NAME ", whether it is text, VALUE parameter_close.
constexpr std::string_view parameter_open = "<｜DSML｜parameter name=\"";
constexpr std::string_view parameter_close = "</｜DSML｜parameter>";

/// How a family writes that it calls functions. A reply is read and, under a grammar, written by
/// this one table: between block_open and block_close (both empty: no block) stand calls, each
///   call_open NAME name_close ARGUMENTS call_close
/// where ARGUMENTS is a JSON object or, with `parameters`, a list of DSML parameters.
struct ToolForm {
  std::string_view name = {};  // "deepseek-v3", …
  std::string_view block_open = {}, block_close = {};
  std::string_view call_open = {}, name_close = {}, call_close = {};
  std::string_view between_calls = {};  // what the family writes there; readers take any blanks
  bool parameters = false;
  bool json_call = false;        // the call is a JSON object: NAME is spelled as in a JSON string
  bool at_start = false;         // a call is told from text only by beginning the answer
  bool many = true;              // several calls in one reply
  std::string_view before = {};  // what the family writes between text and the block

  /// Text that tells a reader that calls begin.
  std::string_view trigger() const { return block_open.empty() ? call_open : block_open; }
};

/// The form of that name; null when there is none.
const ToolForm* find_tool_form(std::string_view name);

/// How the replies of a model are written.
struct ReplyForm {
  const ToolForm* tools = nullptr;   // null: its template knows no functions
  bool lists_tools = false;          // the template shows the tools it is given
  bool arguments_as_text = false;    // the template wants a call's arguments as a JSON string
  bool thinks = false;               // reasoning stands between think_open and think_close
  bool thinking_can_be_set = false;  // the template reads `thinking` or `enable_thinking`
  std::string think_open = "<think>", think_close = "</think>";
};

/// Told from the chat template's text; where it says nothing, from the vocabulary.
ReplyForm reply_form(std::string_view chat_template, const Tokenizer& tokenizer);

}  // namespace deepseek
