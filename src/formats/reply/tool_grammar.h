// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "formats/grammar/grammar.h"
#include "formats/reply/reply_form.h"
#include "formats/tokenizer.h"

namespace deepseek {

/// A function that a model may call.
struct ToolFunction {
  std::string name;
  nlohmann::ordered_json parameters;  // a JSON Schema of an object; null: any object
};

struct ToolRules {
  bool required = false;  // at least one call
  bool many = true;       // more than one
};

/// Replies in which what begins like a call is one of a function that was declared, with arguments
/// that its schema allows. Text before the calls is free; where they are required there is none.
/// Throws as Builder::json_schema, naming the function.
grammar::Node tool_replies(grammar::Builder& builder, const ToolForm& form,
                           const std::vector<ToolFunction>& functions, const ToolRules& rules,
                           const Tokenizer& tokenizer);

}  // namespace deepseek
