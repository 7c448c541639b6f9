// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/json_schema.h"

#include <algorithm>

#include "core/file.h"
#include "core/text.h"

namespace deepseek::testing {
namespace {

using nlohmann::json;

bool has_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

std::string mismatch(const json& schema, const json& value, const std::string& where) {
  const json types = schema.at("type").is_array() ? schema.at("type") : json{schema.at("type")};
  if (std::none_of(types.begin(), types.end(),
                   [&](const json& type) { return has_type(value, type.get<std::string>()); }))
    return where + ": expected " + types.dump() + ", got " + value.dump();
  if (schema.contains("enum") && !value.is_null()) {
    const json& choices = schema.at("enum");
    if (std::find(choices.begin(), choices.end(), value) == choices.end())
      return where + ": expected one of " + choices.dump() + ", got " + value.dump();
  }
  if (schema.contains("minimum") && value.is_number() && value < schema.at("minimum"))
    return where + ": " + value.dump() + " is too small";
  if (value.is_object()) {
    for (const json& name : schema.at("required"))
      if (!value.contains(name)) return where + ": " + name.dump() + " is missing";
    for (const auto& [name, part] : value.items()) {
      if (!schema.at("properties").contains(name)) return concat(where, ": unexpected ", name);
      const std::string problem =
          mismatch(schema.at("properties").at(name), part, concat(where, ".", name));
      if (!problem.empty()) return problem;
    }
  }
  if (value.is_array() && schema.contains("items"))
    for (size_t i = 0; i < value.size(); ++i) {
      const std::string problem =
          mismatch(schema.at("items"), value[i], where + "[" + std::to_string(i) + "]");
      if (!problem.empty()) return problem;
    }
  return "";
}

}  // namespace

::testing::AssertionResult follows_schema(const std::string& name, const std::string& text) {
  const std::string path = std::string(DEEPSEEK_SOURCE_DIR) + "/docs/schemas/" + name + ".json";
  const json schema = json::parse(read_text_file(path));
  const json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return ::testing::AssertionFailure() << "not JSON: " << text;
  const std::string problem = mismatch(schema, value, name);
  if (!problem.empty()) return ::testing::AssertionFailure() << problem;
  return ::testing::AssertionSuccess();
}

}  // namespace deepseek::testing
