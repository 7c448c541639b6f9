// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// The value of a JSON text, order of keys kept, integers of any size exact. Strings and keys are
/// marked as content when `as_content`. Throws invalid_input.
Value parse_json(Runtime& runtime, std::string_view text, bool as_content);

/// The same from a parsed document.
Value from_json(Runtime& runtime, const nlohmann::ordered_json& json, bool as_content);

/// How Python's json.dumps writes; the defaults are those of chat templates.
struct JsonStyle {
  bool ascii_only = false;
  bool sort_keys = false;
  std::optional<std::string> indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};

/// Throws invalid_input for a value that JSON has no form for.
Text dump_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace deepseek::jinja
