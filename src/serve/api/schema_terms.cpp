// SPDX-License-Identifier: Apache-2.0
#include "serve/api/schema_terms.h"

namespace deepseek::serve::terms {

using nlohmann::json;

json nullable(json schema) {
  schema["type"] = json::array({schema["type"], "null"});
  return schema;
}

json integer(int64_t least, int64_t most) {
  return nullable({{"type", "integer"}, {"minimum", least}, {"maximum", most}});
}

json token_id() { return {{"type", "integer"}, {"minimum", 0}, {"maximum", INT32_MAX}}; }

json number(double least, double most) {
  return nullable({{"type", "number"}, {"minimum", least}, {"maximum", most}});
}

json text(int64_t longest) { return nullable({{"type", "string"}, {"maxLength", longest}}); }

json stop_text() {
  constexpr int64_t longest = 1024;  // characters: at most what the engine allows in bytes
  return {{"type", "string"}, {"minLength", 1}, {"maxLength", longest}};
}

json flag() { return nullable({{"type", "boolean"}}); }

json object(const json& fields) {
  json schema = {{"type", "object"}};
  if (!fields.empty()) schema["properties"] = fields;
  return nullable(std::move(schema));
}

json list(json items, int64_t most) {
  return nullable({{"type", "array"}, {"maxItems", most}, {"items", std::move(items)}});
}

json one_of_words(const std::vector<std::string>& words) {
  json values = words;
  values.push_back(nullptr);
  return {{"type", json::array({"string", "null"})}, {"enum", values}};
}

json either(json one, json other) {
  return {{"anyOf", json::array({std::move(one), std::move(other)})}};
}

json body(json fields, json required) {
  return {{"type", "object"}, {"required", std::move(required)}, {"properties", std::move(fields)}};
}

}  // namespace deepseek::serve::terms
