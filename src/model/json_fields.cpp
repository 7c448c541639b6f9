// SPDX-License-Identifier: Apache-2.0
#include "model/json_fields.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/utf8.h"

namespace deepseek {
namespace {

using nlohmann::json;

bool is_int64(const json& value) {
  if (value.is_number_unsigned())
    return value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
  return value.is_number_integer();
}

}  // namespace

std::string json_excerpt(const json& value) {
  constexpr size_t limit = 60;
  if (value.is_object()) return "an object";
  if (value.is_array()) {  // printed only when flat: dumping recurses as deep as its writer nested
    bool flat = value.size() <= 8;
    for (const json& one : value) flat = flat && !one.is_structured();
    if (!flat) return concat("a list of ", value.size());
  }
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > limit)
    text = text.substr(0, complete_utf8_prefix(std::string_view(text).substr(0, limit))) + "…";
  return text;
}

bool JsonFields::has(const char* name) const { return !raw(name).is_null(); }

const json& JsonFields::raw(const char* name) const {
  static const json absent;
  const auto found = object_.find(name);
  return found == object_.end() ? absent : *found;
}

void JsonFields::refuse(const char* name, const std::string& expected) const {
  fail(ErrorKind::bad_file, where_, ": ", prefix_, name, ": expected ", expected, ", got ",
       object_.contains(name) ? json_excerpt(raw(name)) : "nothing",
       "; correct it, or take the file from the model's publication");
}

std::optional<int64_t> JsonFields::integer(const char* name) const {
  const json& value = raw(name);
  if (value.is_null()) return std::nullopt;
  if (!is_int64(value)) refuse(name, "an integer");
  return value.get<int64_t>();
}

std::optional<double> JsonFields::number(const char* name) const {
  const json& value = raw(name);
  if (value.is_null()) return std::nullopt;
  if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(name, "a number");
  return value.get<double>();
}

std::optional<bool> JsonFields::boolean(const char* name) const {
  const json& value = raw(name);
  if (value.is_null()) return std::nullopt;
  if (!value.is_boolean()) refuse(name, "true or false");
  return value.get<bool>();
}

std::optional<std::string> JsonFields::text(const char* name) const {
  const json& value = raw(name);
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) refuse(name, "a string");
  return value.get<std::string>();
}

std::vector<int64_t> JsonFields::integers(const char* name) const {
  const json& value = raw(name);
  if (value.is_null()) return {};
  if (is_int64(value)) return {value.get<int64_t>()};
  if (!value.is_array()) refuse(name, "an integer or a list of integers");
  std::vector<int64_t> all;
  for (const json& one : value) {
    if (!is_int64(one)) refuse(name, "an integer or a list of integers");
    all.push_back(one.get<int64_t>());
  }
  return all;
}

std::optional<JsonFields> JsonFields::object(const char* name) const {
  const json& value = raw(name);
  if (value.is_null()) return std::nullopt;
  if (!value.is_object()) refuse(name, "an object");
  return JsonFields(value, where_, prefix_ + name + ".");
}

int64_t JsonFields::required_integer(const char* name) const {
  if (const std::optional<int64_t> value = integer(name)) return *value;
  refuse(name, "an integer");
}

std::string JsonFields::required_text(const char* name) const {
  if (std::optional<std::string> value = text(name)) return *value;
  refuse(name, "a string");
}

}  // namespace deepseek
