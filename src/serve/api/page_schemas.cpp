// SPDX-License-Identifier: Apache-2.0
#include "serve/api/page.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;

constexpr int64_t longest_content = 2'000'000;
constexpr int64_t most_tokens = 1'000'000'000;

json object_of(json properties, json required) {
  return {{"type", "object"},
          {"required", std::move(required)},
          {"properties", std::move(properties)},
          {"additionalProperties", false}};
}

json text(int64_t longest) { return {{"type", "string"}, {"maxLength", longest}}; }
json id_or_null() { return {{"type", json::array({"string", "null"})}, {"maxLength", 80}}; }
json number(double least, double most) {
  return {{"type", "number"}, {"minimum", least}, {"maximum", most}};
}
json integer(int64_t least, int64_t most) {
  return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}
json word(json words) { return {{"type", "string"}, {"enum", std::move(words)}}; }

json chat() {
  return object_of({{"title", text(400)}, {"settings", {{"type", "object"}}}}, json::array());
}

json message() {
  return object_of({{"parent_id", id_or_null()},
                    {"role", word(json::array({"user", "assistant"}))},
                    {"content", text(longest_content)},
                    {"reasoning", text(longest_content)},
                    {"details", {{"type", "object"}}}},
                   json::array({"role", "content"}));
}

json answer() {
  const json said = object_of({{"role", word(json::array({"system", "user", "assistant"}))},
                               {"content", text(longest_content)}},
                              json::array({"role", "content"}));
  return object_of(
      {{"parent_id", id_or_null()},
       {"model", text(512)},
       {"messages", {{"type", "array"}, {"minItems", 1}, {"maxItems", 4000}, {"items", said}}},
       {"temperature", number(0, 2)},
       {"top_p", number(0, 1)},
       {"max_tokens", integer(1, most_tokens)},
       {"seed", integer(INT64_MIN, INT64_MAX)},
       {"thinking", object_of({{"type", word(json::array({"enabled", "disabled"}))},
                               {"budget_tokens", integer(0, most_tokens)}},
                              json::array({"type"}))},
       {"response_format",
        object_of({{"type", word(json::array({"text", "json_object"}))}}, json::array({"type"}))}},
      json::array({"messages", "parent_id"}));
}

}  // namespace

void add_page_schemas(SchemaSet& schemas) {
  schemas.add("PageChat", chat());
  schemas.add("PageMessage", message());
  schemas.add("PageAnswer", answer());
  schemas.check();
}

}  // namespace deepseek::serve
