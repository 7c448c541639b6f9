// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "serve/http/message.h"

namespace deepseek::serve {

/// The schemas of the wire by name: the one source of request validation and of /openapi.json.
/// The subset: type (a name or a list of them; an integer has at most 64 bits), properties,
/// required, additionalProperties (false or a schema), items, enum, const, minimum, maximum,
/// exclusiveMinimum, exclusiveMaximum, minLength, maxLength (code points), minItems, maxItems,
/// minProperties, maxProperties, pattern (whole-value character classes, see schema_validate.cpp),
/// anyOf, oneOf (as anyOf), allOf, $ref to "#/components/schemas/NAME", and notes that do not bind
/// (title, description, default, deprecated, examples, format, contentMediaType). Unknown names in
/// a value pass unless additionalProperties is false.
class SchemaSet {
 public:
  /// Throws internal for a keyword outside the subset, a second schema of that name, or (by
  /// check()) a $ref that leads nowhere.
  void add(const std::string& name, nlohmann::json schema);
  void check() const;
  /// Null when there is none.
  const nlohmann::json* find(std::string_view name) const;
  const std::map<std::string, nlohmann::json, std::less<>>& all() const { return schemas_; }

 private:
  std::map<std::string, nlohmann::json, std::less<>> schemas_;
};

/// The first offence in a value, in the order of the schema.
struct SchemaOffence {
  std::string param;    // "messages[0].content"; empty: the value itself
  std::string message;  // "expected an integer, got a string"
  bool wrong_type;      // type, missing or forbidden name: 400; else out of range: 422
};

std::optional<SchemaOffence> first_offence(const nlohmann::json& value, std::string_view schema,
                                           const SchemaSet& schemas);

/// JSON of a request's body: 415 for another content type, 400 for an empty body, broken syntax
/// (with line and column), invalid UTF-8, nesting deeper than 64, or anything but an object.
nlohmann::json parse_json_body(const HttpRequest& request);

/// parse_json_body and first_offence, thrown as RequestError 400 or 422 with `param`.
nlohmann::json checked_body(const HttpRequest& request, std::string_view schema,
                            const SchemaSet& schemas);

}  // namespace deepseek::serve
