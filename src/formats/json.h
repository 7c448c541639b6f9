// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/json.h"

namespace deepseek {

/// Levels that JSON of unknown origin may nest, so that no walk over it runs out of stack.
inline constexpr int max_json_depth = JsonLimits{}.depth;

/// Any JSON value of unknown origin. Throws `kind`, naming `where` unless it is empty, for what is
/// no JSON, for nesting deeper than max_json_depth and, of ordered_json, for objects with more keys
/// than JsonLimits has.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, ErrorKind kind, std::string_view where);
extern template nlohmann::json parse_json(std::string_view, ErrorKind, std::string_view);
extern template nlohmann::ordered_json parse_json(std::string_view, ErrorKind, std::string_view);

/// JSON of unknown origin. Throws bad_file naming `path` and the line of what is wrong: syntax,
/// invalid UTF-8, the same key twice in one object, nesting deeper than max_json_depth, or anything
/// but an object at the top.
nlohmann::json parse_json_object(std::string_view text, const std::filesystem::path& path);

/// parse_json_object on the content of a file of at most 256 MiB.
nlohmann::json read_json_object(const std::filesystem::path& path);

/// What a parser said, without its own prefix, on one line.
std::string json_error_text(const nlohmann::json::exception& error);

}  // namespace deepseek
