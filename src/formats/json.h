// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

namespace deepseek {

/// JSON of unknown origin. Throws bad_file naming `path` and the line of what is wrong: syntax,
/// invalid UTF-8, the same key twice in one object, nesting deeper than 64, or anything but an
/// object at the top.
nlohmann::json parse_json_object(std::string_view text, const std::filesystem::path& path);

/// parse_json_object on the content of a file of at most 256 MiB.
nlohmann::json read_json_object(const std::filesystem::path& path);

/// What a parser said, without its own prefix, on one line.
std::string json_error_text(const nlohmann::json::exception& error);

}  // namespace deepseek
