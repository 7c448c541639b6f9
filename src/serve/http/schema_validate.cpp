// SPDX-License-Identifier: Apache-2.0
#include "serve/http/schema_validate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "core/utf8.h"
#include "serve/http/request_error.h"
#include "serve/http/schema_pattern.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;

constexpr std::string_view ref_prefix = "#/components/schemas/";
constexpr int most_nesting = 64;

constexpr std::array keywords{"type",
                              "properties",
                              "required",
                              "additionalProperties",
                              "items",
                              "enum",
                              "const",
                              "minimum",
                              "maximum",
                              "exclusiveMinimum",
                              "exclusiveMaximum",
                              "minLength",
                              "maxLength",
                              "minItems",
                              "maxItems",
                              "minProperties",
                              "maxProperties",
                              "pattern",
                              "anyOf",
                              "oneOf",
                              "allOf",
                              "$ref",
                              "title",
                              "description",
                              "default",
                              "deprecated",
                              "examples",
                              "format",
                              "contentMediaType"};

constexpr std::array types{"null", "boolean", "integer", "number", "string", "array", "object"};

void check_schema(const json& schema, const std::string& where) {
  if (schema.is_boolean()) return;
  if (!schema.is_object()) fail(ErrorKind::internal, "schema ", where, " is no object");
  for (const auto& [keyword, value] : schema.items()) {
    const std::string inner = concat(where, "/", keyword);
    if (std::find(keywords.begin(), keywords.end(), keyword) == keywords.end())
      fail(ErrorKind::internal, "schema ", inner, ": the keyword is outside the subset");
    if (keyword == "properties") {
      for (const auto& [name, property] : value.items())
        check_schema(property, concat(inner, "/", name));
    } else if (keyword == "items" || keyword == "additionalProperties") {
      check_schema(value, inner);
    } else if (keyword == "anyOf" || keyword == "oneOf" || keyword == "allOf") {
      for (const json& part : value) check_schema(part, inner);
    } else if (keyword == "pattern") {
      CharacterPattern::parse(value.get<std::string>());
    } else if (keyword == "type") {
      for (const json& type : value.is_array() ? value : json::array({value}))
        if (std::find(types.begin(), types.end(), type.get<std::string>()) == types.end())
          fail(ErrorKind::internal, "schema ", inner, ": there is no type ", type.dump());
    }
  }
}

void check_refs(const json& schema, const SchemaSet& schemas, const std::string& where) {
  if (schema.is_array())
    for (const json& part : schema) check_refs(part, schemas, where);
  if (!schema.is_object()) return;
  for (const auto& [keyword, value] : schema.items()) {
    if (keyword == "$ref" && value.is_string()) {
      const auto name = value.get<std::string>();
      if (!name.starts_with(ref_prefix) || !schemas.find(name.substr(ref_prefix.size())))
        fail(ErrorKind::internal, "schema ", where, ": $ref ", name, " leads nowhere");
    }
    check_refs(value, schemas, where);
  }
}

bool is_whole(const json& value) {
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const auto number = value.get<double>();
  return number == std::floor(number);
}

/// Whether handlers can read a whole number as int64_t.
bool has_64_bits(const json& value) {
  constexpr double end = 9223372036854775808.0;  // 2^63
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= uint64_t{INT64_MAX};
  if (value.is_number_integer()) return true;
  const auto number = value.get<double>();
  return number > -end && number < end;  // -2^63 itself is read as an integer
}

std::string type_name(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      return "an integer";
    case json::value_t::number_float:
      return "a number";
    case json::value_t::string:
      return "a string";
    case json::value_t::array:
      return "an array";
    default:
      return "an object";
  }
}

bool has_type(const json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return is_whole(value);
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return value.is_object();
}

std::string with_article(const std::string& type) {
  if (type == "null") return type;
  return (std::string_view("aio").find(type[0]) == std::string_view::npos ? "a " : "an ") + type;
}

std::string shown(const json& value) {
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace), 60);
}

std::string below(const std::string& param, const std::string& name) {
  return param.empty() ? name : param + "." + name;
}

/// Walks a value and its schema side by side and stops at the first offence.
class Walk {
 public:
  explicit Walk(const SchemaSet& schemas) : schemas_(schemas) {}

  std::optional<SchemaOffence> check(const json& value, const json& schema,
                                     const std::string& param) {
    if (schema.is_boolean()) {
      if (schema.get<bool>()) return std::nullopt;
      return SchemaOffence{param, "is not known here", true};
    }
    if (schema.contains("$ref")) {
      const auto name = schema["$ref"].get<std::string>();
      if (auto offence = check(value, *schemas_.find(name.substr(ref_prefix.size())), param))
        return offence;
    }
    for (const auto step :
         {&Walk::check_type, &Walk::check_value, &Walk::check_number, &Walk::check_string,
          &Walk::check_array, &Walk::check_object, &Walk::check_choices})
      if (auto offence = (this->*step)(value, schema, param)) return offence;
    return std::nullopt;
  }

 private:
  using Offence = std::optional<SchemaOffence>;

  Offence check_type(const json& value, const json& schema, const std::string& param) {
    const auto type = schema.find("type");
    if (type == schema.end()) return std::nullopt;
    std::string expected;
    for (const json& one : type->is_array() ? *type : json::array({*type})) {
      const auto name = one.get<std::string>();
      if (has_type(value, name)) {
        if (name != "integer" || has_64_bits(value)) return std::nullopt;
        return SchemaOffence{param, "expected at most 64 bits, got " + shown(value), false};
      }
      expected += (expected.empty() ? "" : " or ") + with_article(name);
    }
    return SchemaOffence{param, "expected " + expected + ", got " + type_name(value), true};
  }

  Offence check_value(const json& value, const json& schema, const std::string& param) {
    if (const auto only = schema.find("const"); only != schema.end() && value != *only)
      return SchemaOffence{param, "expected " + shown(*only) + ", got " + shown(value), false};
    const auto choices = schema.find("enum");
    if (choices == schema.end()) return std::nullopt;
    std::string expected;
    for (const json& choice : *choices) {
      if (value == choice) return std::nullopt;
      expected += (expected.empty() ? "" : ", ") + shown(choice);
    }
    return SchemaOffence{param, "expected one of " + expected + ", got " + shown(value), false};
  }

  Offence check_number(const json& value, const json& schema, const std::string& param) {
    if (!value.is_number()) return std::nullopt;
    const auto number = value.get<double>();
    const auto out = [&](std::string_view keyword, std::string_view relation,
                         auto fits) -> Offence {
      const auto limit = schema.find(keyword);
      if (limit == schema.end() || fits(number, limit->get<double>())) return std::nullopt;
      return SchemaOffence{
          param, concat("expected ", relation, " ", limit->dump(), ", got ", shown(value)), false};
    };
    if (auto o = out("minimum", "at least", [](double a, double b) { return a >= b; })) return o;
    if (auto o = out("maximum", "at most", [](double a, double b) { return a <= b; })) return o;
    if (auto o = out("exclusiveMinimum", "more than", [](double a, double b) { return a > b; }))
      return o;
    return out("exclusiveMaximum", "less than", [](double a, double b) { return a < b; });
  }

  static Offence out_of_size(const json& schema, const std::string& param, size_t size,
                             const char* least, const char* most, std::string_view unit) {
    if (const auto limit = schema.find(least); limit != schema.end() && size < limit->get<size_t>())
      return SchemaOffence{
          param, concat("expected at least ", limit->dump(), " ", unit, ", got ", size), false};
    if (const auto limit = schema.find(most); limit != schema.end() && size > limit->get<size_t>())
      return SchemaOffence{
          param, concat("expected at most ", limit->dump(), " ", unit, ", got ", size), false};
    return std::nullopt;
  }

  Offence check_string(const json& value, const json& schema, const std::string& param) {
    if (!value.is_string()) return std::nullopt;
    const auto& text = value.get_ref<const std::string&>();
    // Continuation bytes begin no code point.
    const auto points = size_t(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
    if (auto offence = out_of_size(schema, param, points, "minLength", "maxLength", "characters"))
      return offence;
    const auto pattern = schema.find("pattern");
    if (pattern == schema.end() ||
        CharacterPattern::parse(pattern->get<std::string>()).matches(text))
      return std::nullopt;
    return SchemaOffence{
        param, "expected the form " + pattern->get<std::string>() + ", got " + shown(value), false};
  }

  Offence check_array(const json& value, const json& schema, const std::string& param) {
    if (!value.is_array()) return std::nullopt;
    if (auto offence = out_of_size(schema, param, value.size(), "minItems", "maxItems", "items"))
      return offence;
    const auto items = schema.find("items");
    if (items == schema.end()) return std::nullopt;
    for (size_t i = 0; i < value.size(); ++i)
      if (auto offence = check(value[i], *items, concat(param, "[", i, "]"))) return offence;
    return std::nullopt;
  }

  Offence check_object(const json& value, const json& schema, const std::string& param) {
    if (!value.is_object()) return std::nullopt;
    if (auto offence =
            out_of_size(schema, param, value.size(), "minProperties", "maxProperties", "names"))
      return offence;
    if (const auto required = schema.find("required"); required != schema.end())
      for (const json& name : *required)
        if (!value.contains(name.get<std::string>()))
          return SchemaOffence{below(param, name.get<std::string>()), "is missing", true};
    const auto properties = schema.find("properties");
    const auto additional = schema.find("additionalProperties");
    for (const auto& [name, inner] : value.items()) {
      const json* own = nullptr;
      if (properties != schema.end()) {
        const auto found = properties->find(name);
        if (found != properties->end()) own = &*found;
      }
      if (!own && additional != schema.end()) own = &*additional;
      if (!own) continue;
      if (auto offence = check(inner, *own, below(param, printable(name, 60)))) return offence;
    }
    return std::nullopt;
  }

  Offence check_choices(const json& value, const json& schema, const std::string& param) {
    if (const auto all = schema.find("allOf"); all != schema.end())
      for (const json& part : *all)
        if (auto offence = check(value, part, param)) return offence;
    for (const char* keyword : {"anyOf", "oneOf"}) {
      const auto choices = schema.find(keyword);
      if (choices == schema.end()) continue;
      // The offence that is told is that of the choice whose types fit, then of the deepest.
      Offence best;
      bool fits = false;
      for (const json& choice : *choices) {
        Offence offence = check(value, choice, param);
        if (!offence) {
          fits = true;
          break;
        }
        if (!best || fit(*offence) > fit(*best)) best = std::move(offence);
      }
      if (fits) continue;
      if (best && best->param == param && best->wrong_type && choices->size() > 1)
        best->message = "fits none of its forms: " + best->message;
      return best;
    }
    return std::nullopt;
  }

  static std::pair<bool, int64_t> fit(const SchemaOffence& offence) {
    const std::string& param = offence.param;
    const int64_t names = std::count(param.begin(), param.end(), '.') +
                          std::count(param.begin(), param.end(), '[') + (param.empty() ? 0 : 1);
    return {!offence.wrong_type, names};
  }

  const SchemaSet& schemas_;
};

}  // namespace

void SchemaSet::add(const std::string& name, json schema) {
  check_schema(schema, name);
  if (!schemas_.emplace(name, std::move(schema)).second)
    fail(ErrorKind::internal, "schema ", name, " is there twice");
}

void SchemaSet::check() const {
  for (const auto& [name, schema] : schemas_) check_refs(schema, *this, name);
}

const json* SchemaSet::find(std::string_view name) const {
  const auto found = schemas_.find(name);
  return found == schemas_.end() ? nullptr : &found->second;
}

std::optional<SchemaOffence> first_offence(const json& value, std::string_view schema,
                                           const SchemaSet& schemas) {
  const json* root = schemas.find(schema);
  if (!root) fail(ErrorKind::internal, "there is no schema ", schema);
  return Walk(schemas).check(value, *root, "");
}

json parse_json_body(const HttpRequest& request) {
  const std::string_view type = request.header("Content-Type");
  const std::string_view media = type.substr(0, type.find(';'));
  const std::string_view trimmed = media.substr(0, media.find_last_not_of(" \t") + 1);
  const bool is_json =
      same_name(trimmed, "application/json") ||
      (trimmed.size() > 5 && same_name(trimmed.substr(trimmed.size() - 5), "+json"));
  // Without a type it is taken for what it must be; a browser form cannot leave the type out.
  if (!trimmed.empty() && !is_json)
    refuse(415, "expected Content-Type application/json, got '", printable(type, 60), "'");
  if (request.body.empty()) refuse(400, "the body is empty; expected a JSON object");
  const JsonLimits limits{.depth = most_nesting};
  switch (json_shape(request.body, limits)) {
    case JsonShape::fits:
      break;
    case JsonShape::too_deep:
      refuse(400, "the body's JSON nests deeper than ", limits.depth, " levels");
    case JsonShape::too_many_keys:
      refuse(400, "an object of the body's JSON has more than ", limits.keys, " keys");
  }
  json value;
  try {
    value = json::parse(request.body);
  } catch (const json::parse_error& error) {
    const size_t at = std::min(error.byte == 0 ? 0 : error.byte - 1, request.body.size());
    const std::string_view before = std::string_view(request.body).substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t last = before.rfind('\n');
    refuse(400, "the body is not valid JSON at line ", line, ", column ",
           at - (last == before.npos ? 0 : last + 1) + 1);
  } catch (const json::exception&) {
    refuse(400, "the body's JSON has a number out of range");
  }
  if (!value.is_object()) refuse(400, "expected a JSON object, got ", type_name(value));
  return value;
}

json checked_body(const HttpRequest& request, std::string_view schema, const SchemaSet& schemas) {
  json value = parse_json_body(request);
  if (const auto offence = first_offence(value, schema, schemas)) {
    const std::string what = offence->param.empty() ? "the body" : offence->param;
    const std::string_view between = offence->message.starts_with("is ") ? " " : ": ";
    refuse_param(offence->wrong_type ? 400 : 422, offence->param, what, between, offence->message);
  }
  return value;
}

}  // namespace deepseek::serve
