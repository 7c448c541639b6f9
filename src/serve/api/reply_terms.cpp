// SPDX-License-Identifier: Apache-2.0
#include "serve/api/reply_terms.h"

#include "serve/http/schema_openapi.h"

namespace deepseek::serve::reply_terms {

using nlohmann::json;

json text() { return {{"type", "string"}}; }
json whole() { return {{"type", "integer"}}; }
json number() { return {{"type", "number"}}; }
json truth() { return {{"type", "boolean"}}; }
json object() { return {{"type", "object"}}; }
json list(json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
json word(const std::vector<std::string>& words) { return {{"type", "string"}, {"enum", words}}; }
json only(json value) { return {{"const", std::move(value)}}; }

json or_null(json schema) {
  if (schema.contains("enum")) {
    schema["enum"].push_back(nullptr);
  } else if (!schema.contains("type")) {
    return any_of({std::move(schema), {{"type", "null"}}});
  }
  schema["type"] = json::array({schema["type"], "null"});
  return schema;
}

json any_of(const std::vector<json>& schemas) { return {{"anyOf", schemas}}; }
json ref(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

json record(json fields, const json& optional) {
  return record_schema(std::move(fields), optional);
}

json list_page(json items) {
  return record({{"object", only("list")},
                 {"data", list(std::move(items))},
                 {"first_id", or_null(text())},
                 {"last_id", or_null(text())},
                 {"has_more", truth()}});
}

}  // namespace deepseek::serve::reply_terms
