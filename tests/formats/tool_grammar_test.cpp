// SPDX-License-Identifier: Apache-2.0
#include "formats/reply/tool_grammar.h"

#include <gtest/gtest.h>

#include "tests/formats/grammar_support.h"
#include "tests/formats/refusal.h"
#include "tests/formats/tiny_tokenizer.h"

namespace deepseek {
namespace {

using nlohmann::ordered_json;

/// A call in DeepSeek-V3.2's form, with one parameter.
std::string call(const std::string& text, bool quoted) {
  return concat(
      "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"p\" "
      "string=\"",
      quoted ? "true" : "false", "\">", text,
      "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>");
}

grammar::Grammar bound(const ordered_json& property, const ordered_json& defs = nullptr) {
  ordered_json parameters = {
      {"type", "object"}, {"properties", {{"p", property}}}, {"required", {"p"}}};
  if (!defs.is_null()) parameters["$defs"] = defs;
  grammar::Builder builder;
  return builder.build(tool_replies(builder, *find_tool_form("deepseek-v3.2"), {{"f", parameters}},
                                    {.required = true, .many = false}, testing::tiny_tokenizer()));
}

TEST(ToolGrammar, ReferencesOfAParameterLeadIntoTheWholeSchema) {
  const grammar::Grammar grammar =
      bound({{"$ref", "#/$defs/point"}},
            {{"point", {{"type", "array"}, {"items", {{"$ref", "#/$defs/number"}}}}},
             {"number", {{"type", "integer"}}}});
  EXPECT_TRUE(grammar.matches(call("[1, 2]", false)));
  EXPECT_FALSE(grammar.matches(call("[1, \"a\"]", false)));
}

TEST(ToolGrammar, TextParametersKeepToTheirKeywords) {
  const grammar::Grammar pattern = bound({{"type", "string"}, {"pattern", "^ab"}});
  EXPECT_TRUE(pattern.matches(call("ab", true)));
  EXPECT_TRUE(pattern.matches(call("ab \"and\" more", true)))
      << "a pattern is found, not the whole";
  EXPECT_FALSE(pattern.matches(call("xab", true)));
  EXPECT_FALSE(pattern.matches(call("ab</｜DSML｜parameter>x", true)));
  const grammar::Grammar length = bound({{"type", "string"}, {"minLength", 2}, {"maxLength", 3}});
  EXPECT_TRUE(length.matches(call("é\n", true)));
  EXPECT_FALSE(length.matches(call("a", true)));
  EXPECT_FALSE(length.matches(call("abcd", true)));
  const grammar::Grammar date = bound({{"type", "string"}, {"format", "date"}});
  EXPECT_TRUE(date.matches(call("2026-12-01", true)));
  EXPECT_FALSE(date.matches(call("soon", true)));
  const grammar::Grammar words = bound({{"type", "string"}, {"enum", {"a b", "c"}}});
  EXPECT_TRUE(words.matches(call("a b", true)));
  EXPECT_FALSE(words.matches(call("b", true)));
  const grammar::Grammar either =
      bound({{"type", "string"}, {"oneOf", {{{"const", "a"}}, {{"pattern", "^b+$"}}}}});
  EXPECT_TRUE(either.matches(call("a", true)));
  EXPECT_TRUE(either.matches(call("bb", true)));
  EXPECT_FALSE(either.matches(call("c", true)));
  EXPECT_TRUE(bound({{"type", "string"}, {"maxLength", 100'000}}).matches(call("long", true)));
  EXPECT_TRUE(bound({{"type", "string"}}).matches(call("anything\nat all", true)));
}

TEST(ToolGrammar, WhatIsNoSchemaOfATextIsRefused) {
  testing::expect_refusal(
      [] {
        bound({{"type", "string"}, {"pattern", 5}});
      },
      ErrorKind::invalid_input, {"pattern", "a string"});
  testing::expect_refusal(
      [] {
        bound({{"type", "string"}, {"enum", "x"}});
      },
      ErrorKind::invalid_input, {"enum", "a list"});
}

}  // namespace
}  // namespace deepseek
