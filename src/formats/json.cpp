// SPDX-License-Identifier: Apache-2.0
#include "formats/json.h"

#include <limits>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "core/file.h"

namespace deepseek {

using nlohmann::json;

namespace {

std::string prefix(std::string_view where) { return where.empty() ? "" : concat(where, ": "); }

/// Of json, which finds a key among sorted ones.
constexpr JsonLimits any_keys{.keys = std::numeric_limits<int64_t>::max()};

/// Decided before a document is built.
void check_shape(std::string_view text, const JsonLimits& limits, ErrorKind kind,
                 std::string_view where) {
  switch (json_shape(text, limits)) {
    case JsonShape::fits:
      return;
    case JsonShape::too_deep:
      fail(kind, prefix(where), "expected JSON nested at most ", limits.depth, " deep, got more");
    case JsonShape::too_many_keys:
      fail(kind, prefix(where), "expected at most ", limits.keys,
           " keys in a JSON object, got more");
  }
}

}  // namespace

std::string json_error_text(const json::exception& error) {
  std::string_view text = error.what();
  if (const size_t end = text.find("] "); text.starts_with('[') && end != std::string_view::npos)
    text.remove_prefix(end + 2);
  return printable(text);
}

template <class Json>
Json parse_json(std::string_view text, ErrorKind kind, std::string_view where) {
  check_shape(text, std::is_same_v<Json, json> ? any_keys : JsonLimits{}, kind, where);
  try {
    return Json::parse(text);
  } catch (const json::exception& error) {
    fail(kind, prefix(where), "expected JSON, got ", json_error_text(error));
  }
}

template json parse_json(std::string_view, ErrorKind, std::string_view);
template nlohmann::ordered_json parse_json(std::string_view, ErrorKind, std::string_view);

json parse_json_object(std::string_view text, const std::filesystem::path& path) {
  check_shape(text, any_keys, ErrorKind::bad_file, path.string());
  std::vector<std::set<std::string>> keys_of_open_objects;
  const auto check = [&](int /*depth*/, json::parse_event_t event, json& value) {
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
