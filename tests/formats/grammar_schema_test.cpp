// SPDX-License-Identifier: Apache-2.0

#include "core/error.h"
#include "tests/formats/grammar_support.h"
#include "tests/formats/grammar_validator.h"
#include "tests/formats/refusal.h"

namespace deepseek::testing {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct SchemaCase {
  const char* schema;
  std::vector<std::string> accepted, refused;
};

const std::vector<SchemaCase>& schema_cases() {
  static const std::vector<SchemaCase> cases{
      {R"({"type": "object"})", {"{}", R"({"a":[1,{"b":null}]})"}, {"[]", "1", R"({"a":1,})"}},
      {R"({})", {"1", "\"x\"", "[]", "{}", "null"}, {"", "01", "nul"}},
      {R"({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
           "required": ["a"]})",
       {R"({"a":"x"})", R"({"a": "x", "b": 3})"},
       {"{}", R"({"b":3})", R"({"b":3,"a":"x"})", R"({"a":"x","c":1})", R"({"a":1})"}},
      {R"({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"},
           "c": {"type": "null"}}})",
       {"{}", R"({"b":null})", R"({"a":null,"c":null})", R"({"a":null,"b":null,"c":null})"},
       {R"({"b":null,"a":null})", R"({,"a":null})", R"({"a":null "b":null})"}},
      {R"({"properties": {"a": {"type": "string"}}, "additionalProperties": true})",
       {R"({"a":"x","zz":[1]})", R"({"zz":1,"y":2})", R"({"ab":1})"},
       {R"({"zz":1,"a":"x"})", R"({"a":1})", R"({"\u0061":1})"}},
      {R"({"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"},
           "required": ["a", "z"]})",
       {R"({"a":"x","z":1})", R"({"a":"x","z":1,"q":2})"},
       {R"({"a":"x"})", R"({"a":"x","z":"1"})"}},
      {R"({"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 1,
           "maxProperties": 2})",
       {R"({"x":true})", R"({"x":true,"y":false})"},
       {"{}", R"({"x":true,"y":true,"z":true})", R"({"x":1})"}},
      {R"({"patternProperties": {"^x_": {"type": "integer"}, "_y$": {"type": "boolean"}},
           "additionalProperties": false})",
       {R"({"x_a":1,"b_y":true})", R"({"b_y":true,"x_a":1})", "{}"},
       {R"({"x_a":true})", R"({"q":1})", R"({"b_y":1})"}},
      {R"({"properties": {"x_1": {"maximum": 5}}, "patternProperties": {"^x_": {"type": "integer"}},
           "required": ["x_1"], "additionalProperties": {"type": "string"}})",
       {R"({"x_1":5})", R"({"x_1":5,"x_2":9,"k":"v"})"},
       {R"({"x_1":6})", R"({"x_1":1.5})"}},
      {R"({"propertyNames": {"pattern": "^[a-c]+$"}, "additionalProperties": {"type": "null"}})",
       {"{}", R"({"abc":null})"},
       {R"({"d":null})"}},
      {R"({"type": "array", "items": {"type": "integer", "minimum": -5, "maximum": 120},
           "minItems": 2, "maxItems": 3})",
       {"[-5,120]", "[0, 1, 2]"},
       {"[]", "[1]", "[1,2,3,4]", "[121,0]", "[-6,0]"}},
      {R"({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}],
           "items": false})",
       {"[]", R"(["x"])", R"(["x",1])"},
       {R"([1])", R"(["x",1,2])"}},
      {R"({"prefixItems": [{"type": "string"}], "items": {"type": "null"}, "minItems": 1,
           "maxItems": 3})",
       {R"(["x"])", R"(["x",null,null])"},
       {"[]", R"(["x",1])", R"(["x",null,null,null])"}},
      {R"({"enum": ["a", "b\n\"", 1, null, {"x": [1, 2]}, 2.5]})",
       {"\"a\"", R"("b\n\"")", "1", "null", R"({"x":[1,2]})", R"({"x": [1, 2]})", "2.5"},
       {"\"b\"", "2", "[1]"}},
      {R"({"const": {"a": "é", "b": []}})", {R"({"a":"é","b":[]})"}, {R"({"b":[],"a":"é"})"}},
      {R"({"anyOf": [{"type": "string", "maxLength": 3}, {"type": "integer", "exclusiveMinimum": 7}]})",
       {"\"abc\"", "8"},
       {"\"abcd\"", "7"}},
      {R"({"oneOf": [{"type": "null"}, {"type": "boolean"}]})", {"null", "true"}, {"1"}},
      {R"({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
           {"properties": {"b": {"type": "string"}, "a": {"minimum": 3}}, "required": ["b"]}]})",
       {R"({"a":3,"b":"x"})"},
       {R"({"a":2,"b":"x"})", R"({"a":3})", R"({"a":"x","b":"x"})"}},
      {R"({"type": "object", "properties": {"v": {"type": "integer"},
           "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["v", "next"]})",
       {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
       {R"({"v":1,"next":{}})", R"({"v":1})"}},
      {R"({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "array", "items": {"$ref": "#/$defs/a~1b"}}}})",
       {"[]", "[[],[[]]]"},
       {"[1]", "[[]"}},
      {R"({"$ref": "#/definitions/n", "definitions": {"n": {"type": "number", "minimum": 0}}})",
       {"0", "12.5"},
       {"-1", "\"0\""}},
      {R"({"type": "string", "minLength": 3, "maxLength": 6})",
       {"\"abc\"", R"("\u00e9\n\"")", R"("\ud83d\ude00ab")", "\"😀é€\""},
       {"\"ab\"", "\"abcdefg\"", R"("\ud83d\ude00a")", R"("\ud83dabc")"}},
      {R"({"type": "string", "pattern": "^[a-z]+-\\d{2,4}$"})",
       {"\"ab-12\"", "\"a-1234\""},
       {"\"ab-1\"", "\"ab-12345\"", "\"-12\"", "\"xab-12 \""}},
      {R"({"type": "string", "pattern": "ab|cd$"})",
       {"\"xaby\"", "\"cd\"", "\"éab\""},
       {"\"cdx\"", "\"a\""}},
      {R"({"type": "string", "pattern": "^\\w+$", "minLength": 2, "maxLength": 5})",
       {"\"ab\"", "\"ab_9Z\""},
       {"\"a\"", "\"abcdef\"", "\"a b\""}},
      {R"({"type": "string", "format": "date"})",
       {"\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\""},
       {"\"2023-02-29\"", "\"1900-02-29\"", "\"2024-13-01\"", "\"2024-04-31\"", "\"2024-1-01\""}},
      {R"({"type": "string", "format": "time"})",
       {"\"23:59:59Z\"", "\"00:00:00.25+01:30\""},
       {"\"24:00:00Z\"", "\"12:00:00\""}},
      {R"({"type": "string", "format": "date-time"})",
       {"\"2024-02-29T12:00:00Z\""},
       {"\"2024-02-30T12:00:00Z\"", "\"2024-02-29 12:00:00Z\""}},
      {R"({"type": "string", "format": "email"})",
       {"\"a.b+c@example.com\""},
       {"\"a@b\"", "\"@b.c\"", "\"a..b@c.d\"", "\"a b@c.d\""}},
      {R"({"type": "string", "format": "hostname"})",
       {"\"example.com\"", "\"a-b.c9\""},
       {"\"-a.b\"", "\"a..b\"", "\"a_b\""}},
      {R"({"type": "string", "format": "ipv4"})",
       {"\"0.0.0.0\"", "\"255.199.20.3\""},
       {"\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""}},
      {R"({"type": "string", "format": "ipv6"})",
       {"\"::\"", "\"1:2:3:4:5:6:7:8\"", "\"fe80::1\"", "\"::ffff:1.2.3.4\"", "\"1::8\""},
       {"\"1::2::3\"", "\"1:2:3:4:5:6:7\"", "\"12345::\"", "\":::\""}},
      {R"({"type": "string", "format": "uuid"})",
       {"\"123e4567-e89b-12d3-a456-426614174000\""},
       {"\"123e4567e89b12d3a456426614174000\""}},
      {R"({"type": "string", "format": "uri"})",
       {"\"https://example.com/a%20b?x=1#y\""},
       {"\"example.com\"", "\"http://a b\""}},
      {R"({"type": "string", "format": "duration"})",
       {"\"P3Y6M4DT12H30M5S\"", "\"PT1M\"", "\"P2W\""},
       {"\"P\"", "\"PT\"", "\"P1S\""}},
      {R"({"type": "integer"})", {"0", "-12", "999"}, {"1.0", "-0", "01", "1e3"}},
      {R"({"type": "number"})", {"0", "-1.5e-7", "1E+10"}, {".5", "1.", "+1", "1e999"}},
      {R"({"type": "integer", "exclusiveMinimum": -12, "exclusiveMaximum": 105})",
       {"-11", "0", "104"},
       {"-12", "105", "1000"}},
      {R"({"type": "integer", "minimum": 10})", {"10", "99", "123456"}, {"9", "-10"}},
      {R"({"type": "integer", "maximum": -3})", {"-3", "-100"}, {"-2", "0", "3"}},
      {R"({"type": "integer", "minimum": 0.5, "maximum": 7.5})", {"1", "7"}, {"0", "8"}},
      {R"({"type": "integer", "minimum": 5, "exclusiveMinimum": true})", {"6"}, {"5"}},
      {R"({"type": "integer", "multipleOf": 7, "minimum": -30, "maximum": 1000})",
       {"-28", "0", "994"},
       {"-35", "1", "1001"}},
      {R"({"type": "number", "minimum": 0, "maximum": 1})",
       {"0", "0.5", "1", "1.000"},
       {"-0.1", "1.001", "2"}},
      {R"({"type": "number", "minimum": -1.25, "maximum": 3.14159})",
       {"-1.25", "-1.2", "0", "3.1415", "3.141590"},
       {"-1.26", "3.1416", "3.141591"}},
      {R"({"type": "number", "exclusiveMinimum": 0})", {"0.001", "5"}, {"0", "0.0", "-1"}},
      {R"({"type": "number", "maximum": -1000})", {"-1000", "-1000.5"}, {"-999.9", "0"}},
      {R"({"type": "number", "minimum": 1e3, "maximum": 1e5})", {"1000", "99999.9"}, {"999"}},
      {R"({"type": ["string", "null"]})", {"null", "\"\""}, {"0"}},
      {R"({"type": "string", "nullable": true, "maxLength": 2})", {"null", "\"ab\""}, {"\"abc\""}},
      {R"({"type": "string", "enum": ["ab", "abc", 3], "maxLength": 2})",
       {"\"ab\""},
       {"\"abc\"", "3"}},
      {R"({"properties": {"a": false, "b": true}, "required": ["b"]})",
       {R"({"b":[]})"},
       {R"({"a":1,"b":2})"}},
      {R"({"type": "object", "properties": {"a": {"type": "string"}},
           "anyOf": [{"required": ["a"]}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}]})",
       {R"({"a":"x"})", R"({"b":1})", R"({"a":"x","b":1})"},
       {"{}"}},
      {R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"}},
      {R"({"type": "array", "items": [{"type": "null"}], "additionalItems": false})",
       {"[]", "[null]"},
       {"[null,1]", "[1]"}},
      {R"({"type": "string", "title": "t", "description": "d", "default": "x", "examples": ["y"],
           "$comment": "c", "deprecated": true, "readOnly": true, "x-ui": 3, "$schema": "s",
           "$id": "i"})",
       {"\"\""},
       {"1"}},
  };
  return cases;
}

Grammar compile(std::string_view schema,
                grammar::JsonSpacing spacing = grammar::JsonSpacing::optional) {
  Builder b;
  return b.build(b.json_schema_text(schema, spacing));
}

TEST(GrammarSchema, EachKeywordAcceptsAndRefuses) {
  for (const SchemaCase& c : schema_cases()) {
    const Grammar g = compile(c.schema);
    for (const std::string& text : c.accepted) EXPECT_TRUE(g.matches(text)) << c.schema << text;
    for (const std::string& text : c.refused) EXPECT_FALSE(g.matches(text)) << c.schema << text;
  }
}

TEST(GrammarSchema, AModelThatRamblesWritesValidValuesWithinAnyBudget) {
  const SmallVocabulary small;
  for (const SchemaCase& c : schema_cases()) {
    const Constraint constraint(compile(c.schema), small.vocabulary);
    json schema = json::parse(c.schema);
    if (schema.is_object() && schema.contains("items") && schema["items"].is_array())
      schema = {{"prefixItems", schema["items"]}, {"items", false}};
    if (schema.is_object() && schema.value("exclusiveMinimum", json()).is_boolean())
      schema["exclusiveMinimum"] = schema["minimum"];
    const SchemaValidator validator(schema);
    const int64_t least = constraint.min_tokens();
    for (int64_t seed = 0; seed < 40; ++seed) {
      const auto text = ramble(small, constraint, uint64_t(seed), least + seed, 0.1);
      ASSERT_TRUE(text) << c.schema << " with " << least + seed;
      const json value = json::parse(*text, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << c.schema << " " << *text;
      EXPECT_TRUE(validator.valid(value)) << c.schema << " " << *text;
    }
  }
}

TEST(GrammarSchema, TheLeastNumberOfTokensIsCloseToTheTruth) {
  // Breadth-first over all tokens: what nothing can beat.
  const SmallVocabulary small;
  for (const char* schema :
       {R"({"type": "object", "properties": {"name": {"type": "string"}, "ab": {"type": "boolean"}},
            "required": ["name", "ab"]})",
        R"({"type": "array", "items": {"type": "integer"}, "minItems": 3})",
        R"({"type": "array", "items": {"type": "array"}, "minItems": 2})"}) {
    const Constraint constraint(compile(schema, grammar::JsonSpacing::none), small.vocabulary);
    std::vector<Matcher> front{Matcher(constraint)};
    int64_t truth = 0;
    std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()));
    const auto done = [&] {
      return std::any_of(front.begin(), front.end(),
                         [](const Matcher& m) { return m.is_complete(); });
    };
    for (; !done(); ++truth) {
      std::vector<Matcher> next;
      std::set<std::string> seen;
      for (Matcher& matcher : front) {
        // What is as long to complete as the best and forces the same is as good.
        matcher.fill_mask(mask);
        for (const int32_t token : tokens_of(mask)) {
          Matcher copy = matcher;
          if (!copy.accept(token) || copy.min_tokens() > constraint.min_tokens()) continue;
          std::vector<uint64_t> after(mask.size());
          copy.fill_mask(after);
          const std::string key(reinterpret_cast<const char*>(after.data()), after.size() * 8);
          if (seen.insert(key + std::to_string(copy.min_tokens())).second)
            next.push_back(std::move(copy));
        }
      }
      front = std::move(next);
      ASSERT_LT(truth, 60);
    }
    EXPECT_LE(truth, constraint.min_tokens()) << schema;
    EXPECT_LE(constraint.min_tokens(), truth + 2) << schema;
  }
}

TEST(GrammarSchema, PropertiesKeepTheOrderDeclared) {
  const Grammar g = compile(R"({"properties": {"z": {"type": "null"}, "a": {"type": "null"}},
                                "required": ["a", "z"]})");
  EXPECT_TRUE(g.matches(R"({"z":null,"a":null})"));
  EXPECT_FALSE(g.matches(R"({"a":null,"z":null})"));
}

TEST(GrammarSchema, SpacesAreBounded) {
  const char* schema = R"({"type": "array", "items": {"type": "object"}})";
  const Grammar optional = compile(schema), none = compile(schema, grammar::JsonSpacing::none);
  EXPECT_TRUE(optional.matches(R"([{"a": 1}, {}])"));
  EXPECT_TRUE(optional.matches(R"([{"a":1},{}])"));
  EXPECT_FALSE(optional.matches(R"([{"a":  1}])"));
  EXPECT_FALSE(optional.matches(R"([ {"a": 1}])"));
  EXPECT_FALSE(optional.matches("[{}]\n"));
  EXPECT_TRUE(none.matches(R"([{"a":1},{}])"));
  EXPECT_FALSE(none.matches(R"([{"a": 1},{}])"));
}

TEST(GrammarSchema, WhatCannotBeEnforcedIsRefusedByItsPointer) {
  const std::vector<std::pair<const char*, std::vector<std::string_view>>> cases{
      {R"({"not": {}})", {"#/not", "the keyword not"}},
      {R"({"properties": {"a/b": {"if": {}}}})", {"#/properties/a~1b/if"}},
      {R"({"type": "array", "uniqueItems": true})", {"#/uniqueItems"}},
      {R"({"contains": {}})", {"#/contains"}},
      {R"({"dependentRequired": {}})", {"#/dependentRequired"}},
      {R"({"unevaluatedProperties": false})", {"#/unevaluatedProperties"}},
      {R"({"tpye": "string"})", {"#/tpye"}},
      {R"({"$ref": "https://example.com/s.json"})", {"#/$ref", "nothing is fetched"}},
      {R"({"$ref": "other.json#/a"})", {"#/$ref"}},
      {R"({"$ref": "#anchor"})", {"#/$ref"}},
      {R"({"type": "string", "format": "iri"})", {"#/format", "iri", "date-time"}},
      {R"({"type": "number", "multipleOf": 0.01})", {"#/multipleOf", "0.01"}},
      {R"({"type": "string", "pattern": "(?=a)b"})", {"#/pattern", "lookaround"}},
      {R"({"type": "string", "pattern": "(a)\\1"})", {"#/pattern", "reference"}},
      {R"({"properties": {"a": {}}, "minProperties": 1})", {"minProperties"}},
      {R"({"type": "object", "minProperties": 2})", {"minProperties"}},
  };
  for (const auto& [schema, parts] : cases)
    expect_refusal([&] { compile(schema); }, ErrorKind::unsupported, parts);
}

TEST(GrammarSchema, WhatIsNoSchemaIsRefused) {
  const std::vector<std::pair<const char*, std::vector<std::string_view>>> cases{
      {"{", {"expected JSON"}},
      {R"({"type": "string", "type": "null"})", {"every key once", "type"}},
      {"[]", {"#", "a schema"}},
      {R"({"type": "text"})", {"#/type", "text"}},
      {R"({"type": []})", {"#/type"}},
      {R"({"minLength": -1})", {"#/minLength"}},
      {R"({"minLength": "3"})", {"#/minLength"}},
      {R"({"properties": []})", {"#/properties"}},
      {R"({"properties": {"a": 3}})", {"#/properties/a"}},
      {R"({"required": [1]})", {"#/required"}},
      {R"({"enum": 3})", {"#/enum"}},
      {R"({"anyOf": []})", {"#/anyOf"}},
      {R"({"$ref": "#/$defs/none"})", {"#/$ref"}},
      {R"({"$ref": "#"})", {"reference that leads somewhere"}},
      {R"({"pattern": "["})", {"#/pattern", "closing bracket"}},
      {R"({"multipleOf": 0})", {"#/multipleOf"}},
      {R"({"type": "string", "enum": []})", {"finite text"}},
      {"false", {"finite text"}},
      {R"({"type": "string", "minLength": 3, "maxLength": 2})", {"finite text"}},
      {R"({"type": "integer", "minimum": 3, "maximum": 2})", {"finite text"}},
      {R"({"allOf": [{"type": "string"}, {"type": "null"}]})", {"finite text"}},
      {R"({"properties": {"a": {"$ref": "#"}}, "required": ["a"]})", {"finite text"}},
      {R"({"anyOf": [{"$ref": "#"}, {"type": "null"}]})", {"left recursion"}},
  };
  for (const auto& [schema, parts] : cases)
    expect_refusal([&] { compile(schema); }, ErrorKind::invalid_input, parts);
}

TEST(GrammarSchema, BombsAreRefused) {
  const auto nested = [](int depth, const std::string& open, const std::string& close) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += open;
    text += "{}";
    for (int i = 0; i < depth; ++i) text += close;
    return text;
  };
  std::string doubling = R"({"allOf": [)";
  for (int i = 0; i < 40; ++i)
    doubling += concat(i ? "," : "", R"({"anyOf": [{"required": ["a)", i,
                       R"("]}, {"required": ["b)", i, R"("]}]})");
  doubling += "]}";
  std::string chain = R"({"$ref": "#/$defs/d0", "$defs": {)";
  for (int i = 0; i < 3000; ++i)
    chain +=
        concat("\"d", i, R"(": {"type": "array", "items": {"$ref": "#/$defs/d)", i + 1, "\"}}, ");
  chain += R"("d3000": {"type": "object"}}})";
  std::string wide = "{\"properties\": {";
  for (int i = 0; i < 30'000; ++i) wide += concat(i ? "," : "", "\"p", i, "\": {}");
  wide += "}}";
  std::string classes;
  for (int i = 0; i < 4000; ++i) classes += "\\\\p{L}";
  const std::vector<std::pair<std::string, std::string_view>> bombs{
      {nested(100'000, "{\"items\":", "}"), "depth"},
      {nested(100'000, "[", "]"), "depth"},
      {R"({"type": "string", "pattern": "^(([a-z]{1000}){1000}){1000}$"})", "states"},
      {R"({"type": "string", "pattern": "(a|b)*a(a|b){30}"})", "s"},
      {R"({"type": "array", "items": {"type": "null"}, "minItems": 1000000000})", "states"},
      {doubling, "steps"},
      {chain, "depth"},
      {wide, "keys"},
      {"\"" + std::string(2'000'000, 'x') + "\"", "source bytes"},
      {concat(R"({"type": "string", "pattern": "(?:[ab])", std::string(5000, '|'),
              R"()*a[ab]{14}"})"),
       "steps"},
      {concat(R"({"type": "string", "pattern": "[)", classes, R"(]"})"), "ranges"},
  };
  for (const auto& [schema, budget] : bombs) {
    SCOPED_TRACE(schema.substr(0, 60));
    expect_refusal([&] { compile(schema); }, ErrorKind::invalid_input, {"at most", budget});
  }
}

TEST(GrammarSchema, PointersInMessagesStayShort) {
  std::string schema = R"({"type": "strnig"})";
  for (int i = 0; i < 45; ++i)
    schema =
        concat(R"({"properties": {")", std::string(1000, char('a' + i % 26)), "\": ", schema, "}}");
  try {
    compile(schema);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_LT(std::string_view(error.what()).size(), 1000U);
    EXPECT_NE(std::string_view(error.what()).find("/type"), std::string_view::npos) << error.what();
  }
}

TEST(GrammarSchema, ReferencesAreUnescapedOnce) {
  const Grammar g =
      compile(R"({"$ref": "#/$defs/a~0b~1c~01%7E1", "$defs": {"a~b/c~1/": {"const": 7}}})");
  EXPECT_TRUE(g.matches("7"));
}

TEST(GrammarSchema, LongStringsAreCheap) {
  const Grammar g = compile(R"({"type": "string", "minLength": 10, "maxLength": 1000000})");
  EXPECT_LT(g.state_count(), 100);
  EXPECT_TRUE(g.matches("\"" + std::string(5000, 'x') + "\""));
  EXPECT_FALSE(g.matches("\"" + std::string(9, 'x') + "\""));
}

TEST(GrammarSchema, StrictToolsRequireEverythingAndNothingElse) {
  const auto check = [](const char* schema) {
    grammar::check_strict_schema(ordered_json::parse(schema));
  };
  check(R"({"type": "object", "properties": {}, "additionalProperties": false})");
  check(R"({"type": "object", "properties": {"a": {"anyOf": [{"type": "object", "properties":
           {"b": {"type": "null"}}, "required": ["b"], "additionalProperties": false}]}},
           "required": ["a"], "additionalProperties": false})");
  const std::vector<std::pair<const char*, std::vector<std::string_view>>> cases{
      {R"({"type": "string"})", {"#", "type object"}},
      {R"({"type": "object", "properties": {}})", {"#: ", "additionalProperties"}},
      {R"({"type": "object", "properties": {"a": {}}, "additionalProperties": false})",
       {"#/properties/a", "required"}},
      {R"({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"}}},
           "required": ["a"], "additionalProperties": false})",
       {"#/properties/a/items"}},
      {R"({"type": "object", "$defs": {"d": {"properties": {"x": {}}, "additionalProperties": false}},
           "additionalProperties": false})",
       {"#/$defs/d/properties/x"}},
  };
  for (const auto& [schema, parts] : cases)
    expect_refusal([&] { check(schema); }, ErrorKind::invalid_input, parts);
}

}  // namespace
}  // namespace deepseek::testing
