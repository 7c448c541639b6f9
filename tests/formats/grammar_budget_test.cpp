// SPDX-License-Identifier: Apache-2.0

#include "core/error.h"
#include "tests/formats/grammar_support.h"
#include "tests/formats/refusal.h"

namespace deepseek::testing {
namespace {

/// One number for all masks that a few seeds meet, with room to spare and running out of it.
uint64_t digest_of_masks(const SmallVocabulary& small, const Constraint& constraint) {
  uint64_t digest = 0xCBF29CE484222325;
  std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()));
  for (uint64_t seed = 0; seed < 12; ++seed) {
    Matcher matcher(constraint);
    const CounterRandom random(seed, 3);
    constexpr int64_t budget = 50;
    for (int64_t used = 0; used < budget && !matcher.is_finished(); ++used) {
      matcher.fill_mask(mask, seed % 2 == 0 ? grammar::unlimited : budget - used);
      for (const uint64_t word : mask) digest = (digest ^ word) * 0x100000001B3 ^ digest >> 29;
      std::vector<int32_t> allowed = tokens_of(mask);
      if (allowed.size() > 1)
        std::erase_if(allowed, [&](int32_t t) { return t == small.end || t == small.other_end; });
      if (allowed.empty()) break;
      if (!matcher.accept(allowed[random.block(uint64_t(used))[0] % allowed.size()])) return 0;
    }
  }
  return digest;
}

/// `ways` rules that each read the same texts, inside each other.
std::string ambiguous(int ways) {
  std::string names, rules;
  for (int i = 0; i < ways; ++i) {
    names += (i == 0 ? " x" : " | x") + std::to_string(i);
    rules += "x" + std::to_string(i) + " ::= [a-zA-Z ,.] s [a-z ] | [a-z ]\n";
  }
  return "root ::= s\ns ::=" + names + "\n" + rules;
}

constexpr const char* nested_schema = R"({"type": "object", "properties": {
  "id": {"type": "integer", "minimum": 1, "maximum": 99999},
  "name": {"type": "string", "minLength": 1, "maxLength": 12},
  "kind": {"enum": ["person", "company", "robot"]},
  "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
  "children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2},
  "note": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}},
  "required": ["id", "kind"]})";

constexpr const char* json_gbnf =
    "root ::= object\nvalue ::= object | array | string | number | \"true\" | \"null\"\n"
    "object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? \"}\"\n"
    "array ::= \"[\" ws (value (\",\" ws value)*)? \"]\"\n"
    "string ::= \"\\\"\" ([^\"\\\\\\x00-\\x1F] | \"\\\\\" [\"\\\\/bfnrt])* \"\\\"\"\n"
    "number ::= \"-\"? [0-9]+\nws ::= \" \"?\n";

/// Statements, operators and calls, as in the grammars that llama.cpp comes with.
constexpr const char* program_gbnf =
    "root ::= statement+\nstatement ::= name \" = \" expr \";\\n\" | \"if (\" expr \") {\\n\" "
    "statement* \"}\\n\" | call \";\\n\"\nexpr ::= term ([-+*/<] term)*\n"
    "term ::= name | number | call | \"(\" expr \")\"\ncall ::= name \"(\" (expr (\", \" expr)*)? "
    "\")\"\nname ::= [a-z]+\nnumber ::= [0-9]+ (\".\" [0-9]+)?\n";

TEST(GrammarBudget, MasksOfOrdinaryGrammarsAreTheseVeryOnes) {
  const SmallVocabulary small;
  Builder b;
  const std::vector<grammar::Section> sections{b.section(
      "<t", b.shared("call", b.sequence({b.json_schema_text(nested_schema), b.literal("</t>")})))};
  const std::vector<std::tuple<const char*, Node, uint64_t>> languages{
      {"json", b.json_value(), 6628259403912740297u},
      {"object", b.json_object(), 1101108783262908854u},
      {"schema", b.json_schema_text(nested_schema), 2985236075229269450u},
      {"regex", b.regex("[A-Z]?[a-z]{1,9}( [a-z]+){0,4}[.!?]|(a|b)*abb"), 5431986976459093057u},
      {"thought", b.sequence({b.text_until("</think>"), b.json_object()}), 9116192768551577892u},
      {"tools", b.free_text(sections), 18397144476578158841u},
      {"json gbnf", b.gbnf(json_gbnf), 5690167234616743799u},
      {"program", b.gbnf(program_gbnf), 4900045734540869954u},
      {"palindrome", b.gbnf("root ::= [a-z] root [a-z] | \"1\" root \"1\" | [a-z] | \"\""),
       7321273444139742038u},
      {"two inside", b.gbnf("root ::= \"a\" root root \"b\" | \"a\" root \"a\" | \"\""),
       8360137449345349210u},
      {"three ways", b.gbnf(ambiguous(3)), 8912698124997423073u},
  };
  for (const auto& [name, root, expected] : languages) {
    const Constraint constraint(b.build(root), small.vocabulary);
    EXPECT_EQ(digest_of_masks(small, constraint), expected) << name;
  }
}

/// Letters, and all words of up to three of the first twelve.
SmallVocabulary many_words() {
  std::vector<std::string> words;
  for (char a = 'a'; a < 'm'; ++a) {
    for (char b = 'a'; b < 'm'; ++b) {
      words.push_back({a, b});
      for (char c = 'a'; c < 'm'; ++c) words.insert(words.end(), {{a, b, c}, {' ', a, b, c}});
    }
  }
  return SmallVocabulary(words);
}

/// How many tokens "a" are accepted before a mask is refused, and the refusal; at most `most`.
std::pair<int, std::string> tokens_until_refusal(const Constraint& constraint, int most) {
  std::vector<uint64_t> mask(size_t(constraint.vocabulary().mask_words()));
  int count = 0;
  try {
    Matcher matcher(constraint);
    for (; count < most; ++count) {
      matcher.fill_mask(mask);
      EXPECT_TRUE(matcher.accept('a'));
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return {count, error.what()};
  }
  return {count, ""};
}

TEST(GrammarBudget, GrammarsOfManyWaysAreRefused) {
  const SmallVocabulary words = many_words();
  Builder b;
  for (const int ways : {25, 100}) {
    const Constraint constraint(b.build(b.gbnf(ambiguous(ways))), words.vocabulary);
    const auto refused = tokens_until_refusal(constraint, 20);
    EXPECT_LT(refused.first, 20) << ways;
    for (const char* part : {"grammar", "20000000 steps", "fewer ways", "mask steps"})
      EXPECT_NE(refused.second.find(part), std::string::npos) << refused.second;
    EXPECT_EQ(tokens_until_refusal(constraint, 20), refused) << ways;
    const Constraint other(b.build(b.gbnf(ambiguous(ways))), words.vocabulary);
    EXPECT_EQ(tokens_until_refusal(other, 20), refused) << ways;
  }
}

TEST(GrammarBudget, OrdinaryGrammarsStayFarBelow) {
  const SmallVocabulary words = many_words();
  Builder b({.mask_steps = grammar::Budget().mask_steps / 10});
  for (const Node root : {b.json_value(), b.json_schema_text(nested_schema), b.gbnf(json_gbnf),
                          b.gbnf(program_gbnf), b.regex("[A-Z]?[a-z]{1,9}( [a-z]+){0,4}[.!?]"),
                          b.sequence({b.text_until("</think>"), b.json_object()})})
    for (uint64_t seed = 0; seed < 5; ++seed)
      ramble(words, Constraint(b.build(root), words.vocabulary), seed, 60);
}

TEST(GrammarBudget, WhatIsRefusedDoesNotDependOnWhatWasFoundBefore) {
  const SmallVocabulary small;
  int refusals = 0, masks = 0;
  for (const int64_t steps : {2'000, 5'000, 10'000, 20'000, 50'000}) {
    Builder b({.mask_steps = steps});
    for (const Node root : {b.gbnf(ambiguous(3)), b.gbnf(program_gbnf), b.json_value()}) {
      const Grammar g = b.build(root);
      const Constraint warm(g, small.vocabulary);
      // Twice over the same sentences: the second time with all that the first has left.
      for (uint64_t round = 0; round < 24; ++round) {
        const CounterRandom random(round % 12, 5);
        std::vector<uint64_t> expected(size_t(small.vocabulary->mask_words())), got = expected;
        std::vector<int32_t> accepted;
        const auto mask_of = [&](const Constraint& constraint, std::vector<uint64_t>& mask) {
          try {
            Matcher matcher(constraint);
            for (const int32_t token : accepted)
              if (!matcher.accept(token)) return std::string("refused");
            matcher.fill_mask(mask, round % 2 == 0 ? grammar::unlimited : 30);
            return std::string();
          } catch (const Error& error) {
            return std::string(error.what());
          }
        };
        for (uint64_t step = 0; step < 8; ++step) {
          const std::string refusal = mask_of(Constraint(g, small.vocabulary), expected);
          ASSERT_EQ(mask_of(warm, got), refusal) << steps << " round " << round << " " << step;
          ++(refusal.empty() ? masks : refusals);
          if (!refusal.empty()) break;
          ASSERT_EQ(got, expected) << steps << " round " << round << " " << step;
          const std::vector<int32_t> allowed = tokens_of(expected);
          accepted.push_back(allowed[random.block(step)[0] % allowed.size()]);
          if (accepted.back() >= small.end) break;
        }
      }
    }
  }
  EXPECT_GT(refusals, 50);
  EXPECT_GT(masks, 500);
}

TEST(GrammarBudget, AnAcceptThatIsRefusedChangesNothing) {
  const SmallVocabulary small;
  Builder b({.mask_steps = 1'000});
  Matcher matcher(Constraint(b.build(b.gbnf(ambiguous(5))), small.vocabulary));
  int accepted = 0;
  const auto accept = [&] {
    EXPECT_TRUE(matcher.accept('a'));
    ++accepted;
  };
  for (int i = 0; i < 2; ++i)
    expect_refusal(
        [&] {
          while (accepted < 500) accept();
        },
        ErrorKind::invalid_input, {"1000 steps", "mask steps"});
  EXPECT_LT(accepted, 500);
  expect_refusal([&] { matcher.accept_text("aa"); }, ErrorKind::invalid_input, {"mask steps"});
  expect_refusal([&] { matcher.allows('a'); }, ErrorKind::invalid_input, {"mask steps"});
  EXPECT_TRUE(matcher.is_complete() || matcher.min_tokens() > 0);
  matcher.rollback(accepted);
  EXPECT_TRUE(matcher.accept('b'));
}

}  // namespace
}  // namespace deepseek::testing
