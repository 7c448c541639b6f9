// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "formats/grammar/schema.h"

namespace deepseek::grammar {

using nlohmann::ordered_json;

namespace {

[[noreturn]] void not_strict(const SchemaPlace& place, std::string_view what) {
  fail(ErrorKind::invalid_input, "strict schema: ", printable(place.pointer), ": expected ", what);
}

bool is_object_schema(const ordered_json& schema) {
  const auto type = schema.find("type");
  if (schema.contains("properties")) return true;
  if (type == schema.end()) return false;
  if (type->is_array()) return std::find(type->begin(), type->end(), "object") != type->end();
  return *type == "object";
}

void check_object(const SchemaPlace& place) {
  const ordered_json& schema = *place.schema;
  const auto additional = schema.find("additionalProperties");
  if (additional == schema.end() || !additional->is_boolean() || additional->get<bool>())
    not_strict(place, "\"additionalProperties\": false");
  const auto properties = schema.find("properties");
  if (properties == schema.end()) return;
  const auto required = schema.find("required");
  std::set<std::string> names;
  if (required != schema.end() && required->is_array())
    for (const ordered_json& name : *required)
      if (name.is_string()) names.insert(name.get<std::string>());
  if (!properties->is_object()) not_strict(place.at("properties"), "an object of schemas");
  for (auto at = properties->begin(); at != properties->end(); ++at)
    if (!names.contains(at.key()))
      not_strict(place.at("properties").at(at.key()), "the property to be listed in \"required\"");
}

}  // namespace

void check_strict_schema(const ordered_json& schema) {
  const SchemaPlace root{&schema, "#"};
  if (!schema.is_object() || !is_object_schema(schema)) not_strict(root, "a schema of type object");
  std::vector<SchemaPlace> open{root};
  while (!open.empty()) {
    const SchemaPlace place = open.back();
    open.pop_back();
    const ordered_json& at = *place.schema;
    if (!at.is_object()) continue;
    if (is_object_schema(at)) check_object(place);
    for (const char* keyword : {"properties", "$defs", "definitions", "patternProperties"}) {
      const auto found = at.find(keyword);
      if (found == at.end() || !found->is_object()) continue;
      for (auto child = found->begin(); child != found->end(); ++child)
        open.push_back(place.at(keyword).at(child.key()));
    }
    for (const char* keyword : {"anyOf", "oneOf", "allOf", "prefixItems", "items"}) {
      const auto found = at.find(keyword);
      if (found == at.end()) continue;
      if (found->is_object()) open.push_back(place.at(keyword));
      if (found->is_array())
        for (size_t i = 0; i < found->size(); ++i) open.push_back(place.at(keyword).at(i));
    }
  }
}

}  // namespace deepseek::grammar
