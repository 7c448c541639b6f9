// SPDX-License-Identifier: Apache-2.0
#include "formats/json.h"

#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace deepseek {

using nlohmann::json;

std::string json_error_text(const json::exception& error) {
  std::string_view text = error.what();
  if (const size_t end = text.find("] "); text.starts_with('[') && end != std::string_view::npos)
    text.remove_prefix(end + 2);
  return printable(text);
}

json parse_json_object(std::string_view text, const std::filesystem::path& path) {
  constexpr int max_depth = 64;
  std::vector<std::set<std::string>> keys_of_open_objects;
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > max_depth)
      fail(ErrorKind::bad_file, path.string(), ": expected JSON nested at most ", max_depth,
           " deep, got more; the file is not what its name says");
    if (event == json::parse_event_t::object_start) keys_of_open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) keys_of_open_objects.pop_back();
    if (event == json::parse_event_t::key &&
        !keys_of_open_objects.back().insert(value.get<std::string>()).second)
      fail(ErrorKind::bad_file, path.string(), ": expected every key once, got \"",
           printable(value.get<std::string>()), "\" twice in one object; remove one of them");
    return true;
  };
  json value;
  try {
    value = json::parse(text, check);
  } catch (const json::exception& error) {
    fail(ErrorKind::bad_file, path.string(), ": expected JSON, got ", json_error_text(error),
         "; download the file again");
  }
  if (!value.is_object())
    fail(ErrorKind::bad_file, path.string(), ": expected a JSON object, got ", value.type_name(),
         "; download the file again");
  return value;
}

json read_json_object(const std::filesystem::path& path) {
  return parse_json_object(read_text_file(path, size_t{256} << 20), path);
}

}  // namespace deepseek
