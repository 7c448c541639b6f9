// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <regex>

#include "core/error.h"
#include "core/utf8.h"
#include "formats/grammar/char_set.h"
#include "tests/formats/grammar_support.h"
#include "tests/formats/refusal.h"

namespace deepseek::testing {
namespace {

using grammar::Budget;
using grammar::CharRange;
using grammar::CharSet;

struct NotationCase {
  const char* source;
  std::vector<std::string> accepted, refused;
};

Grammar regex(std::string_view pattern, const Budget& budget = {}) {
  Builder b(budget);
  return b.build(b.regex(pattern));
}

Grammar gbnf(std::string_view text) {
  Builder b;
  return b.build(b.gbnf(text));
}

TEST(GrammarRegex, EachConstructMatchesTheWholeText) {
  const std::vector<NotationCase> cases{
      {"abc", {"abc"}, {"", "ab", "abcd", "xabc"}},
      {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
      {"(ab)*c+d?", {"c", "ababccd"}, {"abab", "acd"}},
      {"a{2}b{1,3}c{2,}", {"aabcc", "aabbbcccc"}, {"abcc", "aabbbbcc", "aabc"}},
      {"a*?b+?c??", {"b", "aabbc"}, {"a"}},
      {"[a-c][^a-c]", {"ad", "bé", "c\n"}, {"aa", "d"}},
      {"[\\]\\-^x-z-]+", {"]-^y-"}, {"a"}},
      {".", {"a", "é", "€", "😀"}, {"", "\n", "\r", "\xC3", "\xFF", "\u2028"}},
      {"\\d\\w\\s\\D\\W\\S", {"1_ a-b", "0z\u3000é é"}, {"a_ a-b", "é_ a-b"}},
      {"\\t\\n\\r\\f\\v\\0\\x41\\u00e9\\u{1F600}\\cJ",
       {std::string("\t\n\r\f\v\0A\xC3\xA9\xF0\x9F\x98\x80\n", 14)},
       {"t"}},
      {"\\ud83d\\ude00", {"😀"}, {}},
      {"[\\u{1F600}-\\u{1F64F}]+", {"😀🙏"}, {"a", "😀x"}},
      {"\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\^\\$\\\\\\/", {".*+?()[]{}|^$\\/"}, {}},
      {"(?:a)(?<n>b)(?P<m>c)", {"abc"}, {"ab"}},
      {"^a$|^b|c$", {"a", "b", "c"}, {"ab", ""}},
      {"((^a$))", {"a"}, {"aa"}},
      {"\\p{Lu}\\p{Ll}*\\P{L}", {"Été1", "A!"}, {"été1", "AB"}},
      {"\\p{L}{2,3}", {"éa", "日本語"}, {"é", "1a"}},
      {"x{,3}", {"x{,3}"}, {"xx"}},
      {"[\\d\\s]+", {"1 2"}, {"a"}},
      {"(a|b)*abb", {"abb", "aabbabb"}, {"ab", "abba"}},
  };
  for (const NotationCase& c : cases) {
    const Grammar g = regex(c.source);
    for (const std::string& text : c.accepted)
      EXPECT_TRUE(g.matches(text)) << c.source << " " << text;
    for (const std::string& text : c.refused)
      EXPECT_FALSE(g.matches(text)) << c.source << " " << text;
  }
}

TEST(GrammarRegex, RandomExpressionsAgreeWithAnotherImplementation) {
  const CounterRandom random(5, 0);
  uint64_t draws = 0;
  const auto below = [&](uint32_t n) { return random.block(draws++)[0] % n; };
  const std::function<std::string(int)> expression = [&](int depth) -> std::string {
    switch (depth == 0 ? below(4) : below(9)) {
      case 0:
        return "a";
      case 1:
        return "b";
      case 2:
        return "[ab]";
      case 3:
        return "[^a]";
      case 4:
        return "(" + expression(depth - 1) + "|" + expression(depth - 1) + ")";
      case 5:
        return "(" + expression(depth - 1) + ")*";
      case 6:
        return "(" + expression(depth - 1) + "){1,3}";
      case 7:
        return "(" + expression(depth - 1) + ")?";
      default:
        return expression(depth - 1) + expression(depth - 1);
    }
  };
  for (int i = 0; i < 200; ++i) {
    const std::string pattern = expression(3);
    const Grammar g = regex(pattern);
    const std::regex other(pattern);
    for (int k = 0; k < 40; ++k) {
      std::string text;
      for (uint32_t n = below(6); n > 0; --n) text += "abc"[below(3)];
      EXPECT_EQ(g.matches(text), std::regex_match(text, other)) << pattern << " on " << text;
    }
  }
}

TEST(GrammarRegex, WhatIsMalformedSaysWhere) {
  const std::vector<std::pair<const char*, std::vector<std::string_view>>> cases{
      {"a(b", {"closing parenthesis", "character 2"}},
      {"a)", {"opening parenthesis", "character 2"}},
      {"[a", {"closing bracket", "character 1"}},
      {"*a", {"to repeat", "character 1"}},
      {"a{3,2}", {"second number", "character 2"}},
      {"a{3", {"{n,m}"}},
      {"[z-a]", {"lower to a higher"}},
      {"[\\d-z]", {"lower to a higher"}},
      {"[^\\d\\D]", {"at least one character"}},
      {"\\", {"after the backslash"}},
      {"\\q", {"a known escape"}},
      {"\\x4", {"hexadecimal"}},
      {"\\ud800", {"half"}},
      {"\xFF", {"UTF-8"}},
      {"\\u{110000}", {"Unicode"}},
      {"^*", {"can be repeated"}},
  };
  for (const auto& [pattern, parts] : cases)
    expect_refusal([&] { regex(pattern); }, ErrorKind::invalid_input, parts);
}

TEST(GrammarRegex, WhatCannotBindOutputIsRefused) {
  for (const char* pattern :
       {"(a)\\1", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "\\bx", "x\\B", "(?i)a", "(?>a)", "a++",
        "a{2}+", "\\k<n>", "a^b", "a$b", "(^a)b", "[[:alpha:]]", "\\p{Greek}", "\\A", "\\01"})
    expect_refusal([&] { regex(pattern); }, ErrorKind::unsupported, {"regular expression"});
}

TEST(GrammarRegex, BudgetsNameThemselves) {
  expect_refusal([] { regex("((a{1000}){1000}){1000}"); }, ErrorKind::invalid_input, {"states"});
  expect_refusal([] { regex("a{1000000000}"); }, ErrorKind::invalid_input, {"states"});
  expect_refusal([] { regex("a{99999999999999999999}"); }, ErrorKind::invalid_input, {"states"});
  expect_refusal([] { regex("(a|b)*a(a|b){40}"); }, ErrorKind::invalid_input, {"at most"});
  expect_refusal([] { regex(std::string(100'000, '(')); }, ErrorKind::invalid_input, {"depth"});
  expect_refusal([] { regex("a" + std::string(100'000, '*')); }, ErrorKind::invalid_input,
                 {"depth"});
  expect_refusal([] { regex(std::string(100, 'a'), {.source_bytes = 99}); },
                 ErrorKind::invalid_input, {"source bytes", "99"});
  expect_refusal([] { regex("[a-z]{50}", {.steps = 100}); }, ErrorKind::invalid_input, {"steps"});
  expect_refusal([] { regex("abcdefgh", {.nodes = 5}); }, ErrorKind::invalid_input, {"nodes"});
}

TEST(GrammarGbnf, EachConstructMatches) {
  const std::vector<NotationCase> cases{
      {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "yesno"}},
      {"# comment\nroot ::= a b* # more\n  \na ::= \"x\"\nb ::= [0-9]+ \",\"\n",
       {"x", "x1,22,"},
       {"1,", "x,"}},
      {"root ::= (\"a\" |\n  \"b\")+\n", {"a", "abba"}, {"", "c"}},
      {"root ::= \"a\" |\n \"b\"", {"a", "b"}, {}},
      {"root ::=\n  \"a\"\n", {"a"}, {}},
      {"root ::= [^a-c\\n\\]]{2,3}", {"xy", "é€"}, {"x", "xa", "x]", "wxyz"}},
      {"root ::= \"a\"{2} \"b\"{,2} \"c\"{1,}", {"aac", "aabbcc"}, {"ac", "aabbbc"}},
      {"root ::= .", {"a", "\n", "😀"}, {"", "ab"}},
      {"root ::= \"\\n\\t\\\"\\\\\\x41\\u00e9\\U0001F600\"", {"\n\t\"\\Aé😀"}, {}},
      {"root ::= [\\x41-\\x43\\-]+", {"A-C"}, {"D"}},
      {"root ::= \"(\" root* \")\"", {"()", "(()(()))"}, {"", "(()"}},
      {"root ::= \"a\" root | \"a\"", {"a", "aaaaa"}, {"", "b"}},
      {"root ::= \"\" | \"x\" root \"y\"", {"", "xxyy"}, {"xy y", "xyy"}},
      {"root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" expr \")\"",
       {"1", "1+(2+3)"},
       {"1+", "(1"}},
      {"root ::= rule-2_a\nrule-2_a ::= \"x\"", {"x"}, {}},
  };
  for (const NotationCase& c : cases) {
    const Grammar g = gbnf(c.source);
    for (const std::string& text : c.accepted)
      EXPECT_TRUE(g.matches(text)) << c.source << "\n" << text;
    for (const std::string& text : c.refused)
      EXPECT_FALSE(g.matches(text)) << c.source << "\n" << text;
  }
}

TEST(GrammarGbnf, WhatIsMalformedSaysWhere) {
  const std::vector<std::pair<std::string, std::vector<std::string_view>>> cases{
      {"", {"a rule named root"}},
      {"a ::= \"x\"", {"a rule named root"}},
      {"root ::= missing", {"definition of rule missing", "line 1, column 10"}},
      {"root ::= \"x\"\nroot ::= \"y\"", {"each rule once", "line 2"}},
      {"root = \"x\"", {"'::='"}},
      {"root ::= \"x", {"end of a literal"}},
      {"root ::= [a", {"end of a class"}},
      {"root ::= (\"a\"", {"')'"}},
      {"root ::= \"a\")", {"end of the rule"}},
      {"root ::= \"\\q\"", {"known escape"}},
      {"root ::= [b-a]", {"lower to a higher"}},
      {"root ::= []", {"at least one character"}},
      {"root ::= \"a\"{2,1}", {"second number"}},
      {"root ::= \"a\"{x}", {"a number"}},
      {"root ::= root \"a\" | \"b\"", {"left recursion", "root"}},
      {"root ::= a\na ::= \"\" b\nb ::= a \"x\"", {"left recursion"}},
      {"root ::= n root\nn ::= \"x\"*", {"left recursion"}},
      {"root ::= \"a\" root", {"finite text"}},
      {"root ::= \"\xFF\"", {"UTF-8"}},
      {"root ::= " + std::string(100'000, '('), {"depth"}},
      {"root ::= ((\"a\"{1000}){1000}){1000}", {"states"}},
      {"root ::= \"\\ud800\"", {"Unicode"}},
  };
  for (const auto& [text, parts] : cases)
    expect_refusal([&, source = text] { gbnf(source); }, ErrorKind::invalid_input, parts);
  expect_refusal([] { gbnf("root ::= <think>"); }, ErrorKind::unsupported, {"tokens as symbols"});
}

TEST(GrammarBuilder, MisuseIsRefused) {
  Builder b;
  const auto refused = [](const auto& action, const std::vector<std::string_view>& parts) {
    expect_refusal(action, ErrorKind::invalid_input, parts);
  };
  refused([&] { b.choice({}); }, {"at least one alternative"});
  refused([&] { b.literals({}); }, {"at least one alternative"});
  refused([&] { b.repeat(b.literal("a"), 3, 2); }, {"3 to 2"});
  refused([&] { b.byte_range(3, 2); }, {"range of bytes"});
  refused([&] { b.json_string(3, 2); }, {"3 to 2"});
  refused([&] { b.text_until(""); }, {"word of UTF-8"});
  refused([&] { b.text_until("\xFF"); }, {"word of UTF-8"});
  refused([&] { b.intersection(b.json_value(), b.literal("a")); }, {"regular"});
  const grammar::Rule rule = b.rule("r");
  refused([&] { b.build(b.ref(rule)); }, {"rule r", "definition"});
  b.define(rule, b.literal("a"));
  refused([&] { b.define(rule, b.literal("b")); }, {"rule r", "two"});
  EXPECT_TRUE(b.build(b.ref(rule)).matches("a"));
  refused([&] { b.build(b.intersection(b.literal("a"), b.literal("b"))); }, {"finite text"});
  Builder few({.rules = 1});
  few.rule("a");
  refused([&] { few.rule("b"); }, {"rules"});
}

TEST(GrammarBuilder, SetsOfTextsCombine) {
  Builder b;
  const Grammar both = b.build(b.intersection(b.regex("[a-z]{2,4}"), b.regex(".*x.*")));
  EXPECT_TRUE(both.matches("axb"));
  EXPECT_FALSE(both.matches("abc"));
  EXPECT_FALSE(both.matches("x"));
  const Grammar but =
      b.build(b.difference(b.regex("[a-z]+"), b.literals(std::vector<std::string>{"if", "else"})));
  EXPECT_TRUE(but.matches("iff"));
  EXPECT_TRUE(but.matches("i"));
  EXPECT_FALSE(but.matches("if"));
  const std::vector<grammar::JoinedItem> items{
      {b.literal("a"), false, false}, {b.literal("b"), true, false}, {b.literal("c"), false, true}};
  const Grammar joined = b.build(b.joined(items, b.literal(",")));
  for (const char* text : {"b", "a,b", "b,c,c", "a,b,c"}) EXPECT_TRUE(joined.matches(text)) << text;
  for (const char* text : {"", "a", "a,c", "b,", ",b", "bc"})
    EXPECT_FALSE(joined.matches(text)) << text;
}

TEST(GrammarCharSet, SetsAreSetsOfScalarValues) {
  CharSet set;
  set.add(0xD000, 0xE000);
  EXPECT_FALSE(set.contains(0xD800));
  EXPECT_TRUE(set.contains(0xD7FF));
  EXPECT_TRUE(set.contains(0xE000));
  EXPECT_TRUE(set.complement().complement().contains(0xD000));
  EXPECT_TRUE(CharSet::all().complement().empty());
  EXPECT_TRUE(set.intersection(set.complement()).empty());
  // Each character's UTF-8 is in exactly one piece of the set's, and no other's is.
  const CharSet odd(std::vector<CharRange>{{0x41, 0x5A},
                                           {0x7F, 0x81},
                                           {0x7FE, 0x801},
                                           {0xFFF, 0x1001},
                                           {0xFFFE, 0x10010},
                                           {0x3FFFF, 0x40001}});
  const auto pieces = grammar::utf8_ranges(odd);
  for (char32_t c = 0; c < 0x50000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    int hits = 0;
    for (const grammar::ByteRanges& piece : pieces) {
      bool hit = piece.size == int(text.size());
      for (int i = 0; hit && i < piece.size; ++i)
        hit = uint8_t(text[size_t(i)]) >= piece.first[size_t(i)] &&
              uint8_t(text[size_t(i)]) <= piece.last[size_t(i)];
      hits += hit;
    }
    ASSERT_EQ(hits, odd.contains(c) ? 1 : 0) << uint32_t(c);
  }
}

}  // namespace
}  // namespace deepseek::testing
