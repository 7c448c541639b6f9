// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "formats/grammar/schema.h"

namespace deepseek::grammar {

using nlohmann::ordered_json;

namespace {

std::string escaped(std::string_view key) {
  std::string result;
  for (const char c : key) result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return result;
}

/// `pointer` and one more step. Every place of a schema holds its own: of long ones the middle is
/// left out.
std::string longer(std::string_view pointer, const std::string& step) {
  constexpr size_t most = 120;
  if (pointer.size() <= most) return concat(pointer, "/", step);
  const size_t kept = pointer.find('/', pointer.size() - most / 2);
  return concat("#/…", kept == pointer.npos ? "" : pointer.substr(kept), "/", step);
}

constexpr std::array<std::string_view, 24> annotations{
    "$schema",         "$id",           "id",
    "$comment",        "title",         "description",
    "default",         "examples",      "example",
    "deprecated",      "readOnly",      "writeOnly",
    "$defs",           "definitions",   "contentMediaType",
    "contentEncoding", "contentSchema", "discriminator",
    "externalDocs",    "xml",           "propertyOrdering",
    "$anchor",         "strict",        "enumNames"};

uint8_t type_bit(const SchemaPlace& place, const ordered_json& name) {
  if (!name.is_string()) place.expected("the name of a type");
  const std::string& text = name.get_ref<const std::string&>();
  if (text == "null") return null_type;
  if (text == "boolean") return boolean_type;
  if (text == "integer") return integer_type;
  if (text == "number") return number_type | integer_type;
  if (text == "string") return string_type;
  if (text == "array") return array_type;
  if (text == "object") return object_type;
  place.expected("null, boolean, integer, number, string, array or object");
}

/// A step of a JSON pointer in a URI fragment (RFC 6901, sections 3 and 6).
std::string unescaped(std::string_view raw) {
  std::string bytes;
  const auto hex = [](char c) {
    const char lower = char(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '%' && i + 2 < raw.size() && hex(raw[i + 1]) >= 0 && hex(raw[i + 2]) >= 0) {
      bytes += char(hex(raw[i + 1]) * 16 + hex(raw[i + 2]));
      i += 2;
    } else {
      bytes += raw[i];
    }
  }
  std::string step;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool escape =
        bytes[i] == '~' && i + 1 < bytes.size() && (bytes[i + 1] == '0' || bytes[i + 1] == '1');
    step += !escape ? bytes[i] : bytes[++i] == '0' ? '~' : '/';
  }
  return step;
}

/// The schema a $ref names.
SchemaPlace referenced(const SchemaPlace& place, const ordered_json& root) {
  if (!place.schema->is_string()) place.expected("a string");
  std::string_view ref = place.schema->get_ref<const std::string&>();
  if (!ref.starts_with("#"))
    fail(ErrorKind::unsupported, "JSON schema: ", printable(place.pointer),
         ": expected a reference within the schema (#/$defs/…), got \"", printable(ref, 60),
         "\"; nothing is fetched");
  ref.remove_prefix(1);
  if (!ref.empty() && ref[0] != '/')
    fail(ErrorKind::unsupported, "JSON schema: ", printable(place.pointer),
         ": expected a reference by pointer (#/$defs/…), got \"#", printable(ref, 60), "\"");
  const ordered_json* at = &root;
  while (!ref.empty()) {
    ref.remove_prefix(1);
    const std::string_view raw = ref.substr(0, ref.find('/'));
    ref.remove_prefix(raw.size());
    const std::string step = unescaped(raw);
    const ordered_json* next = nullptr;
    if (at->is_object()) {
      const auto found = at->find(step);
      if (found != at->end()) next = &*found;
    } else if (at->is_array() && !step.empty() && step.size() < 9 &&
               std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
               std::stoul(step) < at->size()) {
      next = &(*at)[std::stoul(step)];
    }
    if (next == nullptr) place.expected("a reference to a schema that is there");
    at = next;
  }
  return {at, place.schema->get<std::string>()};
}

class Gatherer {
 public:
  Gatherer(const Conjunction& conjunction, const ordered_json& root, Meter& meter)
      : root_(root), meter_(meter), decided_(conjunction.decided), open_(conjunction.places) {
    facets_.pointer = open_[0].pointer;
  }

  SchemaFacets run() {
    for (size_t i = 0; i < open_.size(); ++i) {
      const SchemaPlace place = open_[i];
      meter_.step(500);                                  // compiling it costs that much and more
      if (!seen_.insert(place.schema).second) continue;  // said once, said for good
      if (place.schema->is_boolean()) {
        facets_.possible = facets_.possible && place.schema->get<bool>();
        continue;
      }
      if (!place.schema->is_object()) place.expected("a schema: an object, true or false");
      schema(place);
    }
    return std::move(facets_);
  }

 private:
  void schema(const SchemaPlace& place) {
    object_ = nullptr;
    array_ = nullptr;
    const ordered_json& schema = *place.schema;
    for (auto at = schema.begin(); at != schema.end(); ++at) {
      meter_.step();
      keyword(place, at.key(), place.at(at.key()));
    }
    nullable(place);
  }

  void keyword(const SchemaPlace& schema, const std::string& key, const SchemaPlace& place) {
    if (general(key, place) || numeric(schema, key, place) || textual(key, place) ||
        array(schema, key, place) || object(schema, key, place))
      return;
    if (key.starts_with("x-") ||
        std::find(annotations.begin(), annotations.end(), key) != annotations.end())
      return;
    fail(ErrorKind::unsupported, "JSON schema: ", printable(place.pointer), ": the keyword ",
         printable(key, 40), " cannot be enforced; remove it or say it otherwise");
  }

  bool general(const std::string& key, const SchemaPlace& place) {
    const ordered_json& value = *place.schema;
    if (key == "type") {
      uint8_t types = 0;
      if (value.is_array()) {
        if (value.empty()) place.expected("at least one type");
        for (const ordered_json& name : value) types |= type_bit(place, name);
      } else {
        types = type_bit(place, value);
      }
      types_ = types;
    } else if (key == "enum") {
      if (!value.is_array()) place.expected("a list of values");
      keep_values(value.get<std::vector<ordered_json>>());
    } else if (key == "const") {
      keep_values({value});
    } else if (key == "$ref") {
      open_.push_back(referenced(place, root_));
    } else if (key == "allOf") {
      if (!value.is_array() || value.empty()) place.expected("a list of schemas");
      for (size_t i = 0; i < value.size(); ++i) open_.push_back(place.at(i));
    } else if (key == "anyOf" || key == "oneOf") {
      if (!value.is_array() || value.empty()) place.expected("a list of schemas");
      if (!decided_.contains(&value)) facets_.alternatives.push_back(place);
    } else if (key == "nullable") {
      if (!value.is_boolean()) place.expected("true or false");
    } else {
      return false;
    }
    return true;
  }

  /// OpenAPI's nullable widens the type that stands beside it; so types are settled last.
  void nullable(const SchemaPlace& place) {
    const auto at = place.schema->find("nullable");
    const bool null = at != place.schema->end() && at->is_boolean() && at->get<bool>();
    if (types_ == 0) return;
    facets_.types &= uint8_t(types_ | (null ? null_type : 0));
    facets_.typed = true;
    types_ = 0;
  }

  void keep_values(const std::vector<ordered_json>& values) {
    meter_.step(int64_t(values.size()));
    if (!facets_.values) {
      facets_.values = values;
      return;
    }
    std::erase_if(*facets_.values, [&](const ordered_json& value) {
      meter_.step(int64_t(values.size()));
      return std::find(values.begin(), values.end(), value) == values.end();
    });
  }

  bool numeric(const SchemaPlace& schema, const std::string& key, const SchemaPlace& place) {
    const bool lower = key == "minimum" || key == "exclusiveMinimum";
    const bool upper = key == "maximum" || key == "exclusiveMaximum";
    if (!lower && !upper && key != "multipleOf") return false;
    const ordered_json& value = *place.schema;
    facets_.implied |= number_type | integer_type;
    if (value.is_boolean() && key.starts_with("exclusive")) {  // draft 4: of the bound beside it
      if (value.get<bool>() && !schema.schema->contains(lower ? "minimum" : "maximum"))
        place.expected(lower ? "a minimum beside it" : "a maximum beside it");
      return true;
    }
    if (!value.is_number()) place.expected("a number");
    NumberRange& range = facets_.numbers;
    if (key == "multipleOf") {
      multiple_of(place);
      return true;
    }
    const Decimal bound = decimal_of(value);
    bool excluded = key.starts_with("exclusive");
    const auto strict = schema.schema->find(lower ? "exclusiveMinimum" : "exclusiveMaximum");
    if (strict != schema.schema->end() && strict->is_boolean()) excluded = strict->get<bool>();
    std::optional<Decimal>& mine = lower ? range.min : range.max;
    bool& mine_excluded = lower ? range.min_excluded : range.max_excluded;
    const int order = mine ? compare(bound, *mine) * (lower ? 1 : -1) : 1;
    if (order > 0) {
      mine = bound;
      mine_excluded = excluded;
    } else if (order == 0) {
      mine_excluded = mine_excluded || excluded;
    }
    return true;
  }

  void multiple_of(const SchemaPlace& place) {
    constexpr int64_t most = 1000;
    const ordered_json& value = *place.schema;
    const double number = value.get<double>();
    if (!(number > 0)) place.expected("a number above 0");
    if (number != std::floor(number) || number > double(most) ||
        (facets_.numbers.multiple_of != 0 && facets_.numbers.multiple_of != int64_t(number)))
      fail(ErrorKind::unsupported, "JSON schema: ", printable(place.pointer),
           ": multipleOf can be enforced for one whole number up to ", most, ", got ",
           printable(value.dump(), 40), "; remove it");
    facets_.numbers.multiple_of = int64_t(number);
  }

  int64_t count(const SchemaPlace& place) const {
    const ordered_json& value = *place.schema;
    const bool whole = value.is_number_unsigned() || (value.is_number_integer() && value >= 0) ||
                       (value.is_number_float() && value >= 0.0 && value < 1e15 &&
                        std::floor(value.get<double>()) == value.get<double>());
    if (!whole) place.expected("a whole number, not below 0");
    return value.is_number_unsigned() && value.get<uint64_t>() > uint64_t(unlimited)
               ? unlimited
               : value.get<int64_t>();
  }
  void at_least(int64_t& bound, const SchemaPlace& place) { bound = std::max(bound, count(place)); }
  void at_most(int64_t& bound, const SchemaPlace& place) { bound = std::min(bound, count(place)); }

  bool textual(const std::string& key, const SchemaPlace& place) {
    if (key == "minLength") {
      at_least(facets_.min_length, place);
    } else if (key == "maxLength") {
      at_most(facets_.max_length, place);
    } else if (key == "pattern" || key == "format") {
      if (!place.schema->is_string()) place.expected("a string");
      (key == "pattern" ? facets_.patterns : facets_.formats).push_back(place);
    } else {
      return false;
    }
    facets_.implied |= string_type;
    return true;
  }

  bool array(const SchemaPlace& schema, const std::string& key, const SchemaPlace& place) {
    const ordered_json& value = *place.schema;
    if (key == "minItems") {
      at_least(facets_.min_items, place);
    } else if (key == "maxItems") {
      at_most(facets_.max_items, place);
    } else if (key == "uniqueItems") {
      if (!value.is_boolean()) place.expected("true or false");
      if (value.get<bool>()) return false;
    } else if (key == "prefixItems" || (key == "items" && value.is_array())) {
      if (!value.is_array()) place.expected("a list of schemas");
      for (size_t i = 0; i < value.size(); ++i) array_part().prefix.push_back(place.at(i));
      array_part();
    } else if (key == "items" || (key == "additionalItems" && schema.schema->contains("items") &&
                                  (*schema.schema)["items"].is_array())) {
      array_part().items = place;
    } else if (key != "additionalItems") {  // which means nothing beside a single schema
      return false;
    }
    facets_.implied |= array_type;
    return true;
  }

  SchemaFacets::Array& array_part() {
    if (array_ == nullptr) array_ = &facets_.arrays.emplace_back();
    return *array_;
  }
  SchemaFacets::Object& object_part(const SchemaPlace& schema) {
    if (object_ == nullptr) object_ = &facets_.objects.emplace_back(schema);
    return *object_;
  }

  bool object(const SchemaPlace& schema, const std::string& key, const SchemaPlace& place) {
    const ordered_json& value = *place.schema;
    if (key == "properties" || key == "patternProperties") {
      if (!value.is_object()) place.expected("an object of schemas");
      SchemaFacets::Object& part = object_part(schema);
      auto& list = key == "properties" ? part.properties : part.patterns;
      for (auto at = value.begin(); at != value.end(); ++at) {
        meter_.step();
        list.emplace_back(at.key(), place.at(at.key()));
      }
    } else if (key == "additionalProperties") {
      object_part(schema).additional = place;
    } else if (key == "required") {
      if (!value.is_array()) place.expected("a list of names");
      for (const ordered_json& name : value) {
        meter_.step();
        if (!name.is_string()) place.expected("a list of names");
        if (required_.insert(name.get<std::string>()).second) facets_.required.push_back(name);
      }
    } else if (key == "propertyNames") {
      facets_.names.push_back(place);
    } else if (key == "minProperties") {
      at_least(facets_.min_properties, place);
    } else if (key == "maxProperties") {
      at_most(facets_.max_properties, place);
    } else {
      return false;
    }
    facets_.implied |= object_type;
    return true;
  }

  const ordered_json& root_;
  Meter& meter_;
  const std::set<const ordered_json*>& decided_;
  std::vector<SchemaPlace> open_;
  std::set<const ordered_json*> seen_;
  std::set<std::string> required_;
  SchemaFacets facets_;
  SchemaFacets::Object* object_ = nullptr;
  SchemaFacets::Array* array_ = nullptr;
  uint8_t types_ = 0;
};

}  // namespace

SchemaPlace SchemaPlace::at(const std::string& keyword) const {
  return {&schema->find(keyword).value(), longer(pointer, escaped(printable(keyword, 64)))};
}

SchemaPlace SchemaPlace::at(size_t index) const {
  return {&(*schema)[index], longer(pointer, std::to_string(index))};
}

void SchemaPlace::expected(std::string_view what) const {
  fail(ErrorKind::invalid_input, "JSON schema: ", printable(pointer), ": expected ", what, ", got ",
       printable(schema->dump(-1, ' ', false, ordered_json::error_handler_t::replace), 60));
}

SchemaPlace follow_references(SchemaPlace place, const ordered_json& root) {
  const SchemaPlace first = place;
  constexpr int longest = 100;
  for (int hops = 0; hops < longest; ++hops) {
    if (!place.schema->is_object()) return place;
    bool reference = false;
    for (auto at = place.schema->begin(); at != place.schema->end(); ++at) {
      if (at.key() == "$ref")
        reference = true;
      else if (std::find(annotations.begin(), annotations.end(), at.key()) == annotations.end())
        return place;
    }
    if (!reference) return place;
    place = referenced(place.at("$ref"), root);
  }
  first.expected("a reference that leads somewhere");
}

SchemaFacets gather_facets(const Conjunction& conjunction, const ordered_json& root, Meter& meter) {
  return Gatherer(conjunction, root, meter).run();
}

}  // namespace deepseek::grammar
