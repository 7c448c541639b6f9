// SPDX-License-Identifier: Apache-2.0

#include "core/error.h"
#include "core/utf8.h"
#include "tests/formats/grammar_support.h"
#include "tests/formats/refusal.h"

namespace deepseek::testing {
namespace {

/// The mask that comes out when each token is tried alone.
std::vector<uint64_t> mask_by_trying(const SmallVocabulary& small, const Matcher& matcher) {
  std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()));
  for (int32_t token = 0; token < small.vocabulary->size(); ++token) {
    Matcher copy = matcher;
    if (copy.accept(token)) mask[size_t(token) / 64] |= uint64_t(1) << (token % 64);
  }
  return mask;
}

Constraint constraint_of(const SmallVocabulary& small, Builder& b, Node root) {
  return Constraint(b.build(root), small.vocabulary);
}

TEST(GrammarMatcher, MasksHoldExactlyTheTokensThatCanBeAccepted) {
  const SmallVocabulary small;
  Builder b;
  const std::vector<Node> roots{
      b.json_value(),
      b.json_object(grammar::JsonSpacing::none),
      b.json_string(2, 7),
      b.regex("(a|b)*abb|[a-c]{2,5}\\.com"),
      b.text_until("</think>"),
      b.sequence({b.any_text(), b.special_token(small.special), b.json_object()}),
      b.gbnf("root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" expr \")\""),
      b.gbnf("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"\""),
  };
  for (size_t r = 0; r < roots.size(); ++r) {
    const Constraint constraint = constraint_of(small, b, roots[r]);
    std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()));
    for (uint64_t seed = 0; seed < 20; ++seed) {
      Matcher matcher(constraint);
      const CounterRandom random(seed, r);
      for (uint64_t step = 0; step < 15; ++step) {
        matcher.fill_mask(mask);
        ASSERT_EQ(mask, mask_by_trying(small, matcher)) << "root " << r << " seed " << seed;
        std::vector<int32_t> allowed = tokens_of(mask);
        if (allowed.size() > 1)
          std::erase_if(allowed, [&](int32_t t) { return t == small.end || t == small.other_end; });
        ASSERT_FALSE(allowed.empty());
        ASSERT_TRUE(matcher.accept(allowed[random.block(step)[0] % allowed.size()]));
        if (matcher.is_finished()) break;
      }
    }
  }
}

TEST(GrammarMatcher, EndTokensMayComeExactlyWhereASentenceIsComplete) {
  const SmallVocabulary small;
  Builder b;
  Matcher matcher(constraint_of(small, b, b.literals(std::vector<std::string>{"ab", "abc"})));
  EXPECT_FALSE(matcher.allows(small.end));
  EXPECT_FALSE(matcher.accept(small.end));
  EXPECT_TRUE(matcher.accept('a'));
  EXPECT_FALSE(matcher.is_complete());
  EXPECT_TRUE(matcher.accept('b'));
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_FALSE(matcher.is_finished());
  EXPECT_FALSE(matcher.allows(small.special));
  Matcher other = matcher;
  EXPECT_TRUE(other.accept('c'));
  EXPECT_TRUE(other.is_finished());
  EXPECT_TRUE(matcher.accept(small.other_end));
  EXPECT_TRUE(matcher.is_finished());
  EXPECT_FALSE(matcher.accept('c'));
  std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()) + 1, ~uint64_t(0));
  matcher.fill_mask(mask);
  EXPECT_EQ(tokens_of(mask), (std::vector<int32_t>{small.end, small.other_end}));
  matcher.rollback(1);
  EXPECT_TRUE(matcher.accept('c'));
}

TEST(GrammarMatcher, RollbackReturnsToTheVeryMask) {
  const SmallVocabulary small;
  Builder b;
  const Constraint constraint = constraint_of(small, b, b.json_value());
  Matcher matcher(constraint);
  std::vector<std::vector<uint64_t>> masks;
  const std::string text = R"({"a": [1, {"b": "x\u00e9"}, true]})";
  std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()));
  for (const char c : text) {
    matcher.fill_mask(mask);
    masks.push_back(mask);
    ASSERT_TRUE(matcher.accept(uint8_t(c)));
  }
  EXPECT_TRUE(matcher.is_finished());
  for (size_t i = masks.size(); i-- > 0;) {
    matcher.rollback(1);
    matcher.fill_mask(mask);
    EXPECT_EQ(mask, masks[i]) << i;
  }
  expect_refusal([&] { matcher.rollback(1); }, ErrorKind::invalid_input, {"rollback"});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(matcher.accept('['));
  matcher.rollback(4);
  matcher.fill_mask(mask);
  EXPECT_EQ(mask, masks[0]);
}

TEST(GrammarMatcher, TokensMayHoldPartsOfCharacters) {
  const SmallVocabulary small;
  Builder b;
  Matcher matcher(constraint_of(small, b, b.json_string(1, 2)));
  const auto id = [&](const std::string& text) {
    return int32_t(std::find(small.texts.begin(), small.texts.end(), text) - small.texts.begin());
  };
  ASSERT_TRUE(matcher.accept('"'));
  ASSERT_TRUE(matcher.accept(id("\xE2\x82")));
  EXPECT_FALSE(matcher.allows('"'));
  EXPECT_FALSE(matcher.allows(id("\x98\x80")));
  ASSERT_TRUE(matcher.accept(0xAC));
  EXPECT_TRUE(matcher.allows('"'));
  EXPECT_TRUE(matcher.allows(id("\xE2\x82\xAC\"")));
  EXPECT_FALSE(matcher.allows(id("ab")));  // three characters
  ASSERT_TRUE(matcher.accept(id("\xF0\x9F")));
  EXPECT_FALSE(matcher.allows(id("\xE2\x82")));
  ASSERT_TRUE(matcher.accept(id("\x98\x80")));
  EXPECT_FALSE(matcher.allows('a'));
  ASSERT_TRUE(matcher.accept('"'));
  EXPECT_TRUE(matcher.is_finished());
}

TEST(GrammarMatcher, ForcedBytesAreWhatMustFollow) {
  const SmallVocabulary small;
  Builder b;
  const Node root =
      b.sequence({b.literal("<call>{\"name\":"),
                  b.literals(std::vector<std::string>{"\"get\"", "\"set\""}), b.literal("}")});
  Matcher matcher(constraint_of(small, b, root));
  EXPECT_EQ(matcher.forced_bytes(), "<call>{\"name\":\"");
  ASSERT_TRUE(matcher.accept_text("<call>{\"name\":\""));
  EXPECT_EQ(matcher.forced_bytes(), "");
  ASSERT_TRUE(matcher.accept('s'));
  EXPECT_EQ(matcher.forced_bytes(), "et\"}");
  EXPECT_FALSE(matcher.accept_text("et\"}}"));
  ASSERT_TRUE(matcher.accept_text("et\"}"));
  EXPECT_EQ(matcher.forced_bytes(), "");
  matcher.rollback(1);
  EXPECT_EQ(matcher.forced_bytes(), "et\"}");
}

TEST(GrammarMatcher, SpecialTokensAreSymbolsAndNeverText) {
  const SmallVocabulary small;
  Builder b;
  const Node root = b.sequence({b.any_text(), b.special_token(small.special), b.literal("ok")});
  Matcher matcher(constraint_of(small, b, root));
  EXPECT_FALSE(matcher.is_complete());
  ASSERT_TRUE(matcher.accept(0xC3));
  EXPECT_FALSE(matcher.allows(small.special));  // within a character
  ASSERT_TRUE(matcher.accept(0xA9));
  ASSERT_TRUE(matcher.accept(small.special));
  EXPECT_FALSE(matcher.allows(small.special));
  EXPECT_EQ(matcher.forced_bytes(), "ok");
}

TEST(GrammarMatcher, FreeTextGivesWayToSections) {
  Builder b;
  const std::vector<grammar::Section> sections{
      b.section("<tool>", b.shared("call", b.sequence({b.json_object(), b.literal("</tool>")})))};
  const Grammar any = b.build(b.free_text(sections));
  EXPECT_TRUE(any.matches(""));
  EXPECT_TRUE(any.matches("hello <too"));
  EXPECT_TRUE(any.matches("a<tool>{\"x\": 1}</tool>b<tool>{}</tool>"));
  EXPECT_FALSE(any.matches("a<tool>"));
  EXPECT_FALSE(any.matches_prefix("a<tool>x"));
  EXPECT_FALSE(any.matches_prefix("a<<tool>x"));
  const Grammar one = b.build(b.free_text(sections, 1, 1, true, false));
  EXPECT_FALSE(one.matches("text"));
  EXPECT_TRUE(one.matches("text<tool>{}</tool>"));
  EXPECT_FALSE(one.matches_prefix("text<tool>{}</tool> "));
  const Grammar tight = b.build(b.free_text(sections, 0, 2, false, true));
  EXPECT_TRUE(tight.matches("x<tool>{}</tool><tool>{}</tool>y"));
  EXPECT_FALSE(tight.matches("x<tool>{}</tool><tool>{}</tool><tool>{}</tool>"));
}

TEST(GrammarMatcher, TextUntilEndsAtTheFirstOccurrence) {
  Builder b;
  const Grammar g = b.build(b.sequence({b.text_until("aab"), b.literal("!")}));
  EXPECT_TRUE(g.matches("aab!"));
  EXPECT_TRUE(g.matches("aaaab!"));
  EXPECT_TRUE(g.matches("éaab!"));
  EXPECT_FALSE(g.matches("aabaab!"));
  EXPECT_FALSE(g.matches_prefix("\xFF"));
  EXPECT_FALSE(
      g.matches_prefix("\xC3"
                       "aab"));
  const Grammar without = b.build(b.text_without(std::vector<std::string>{"xy", "yz"}));
  EXPECT_TRUE(without.matches("xxzy"));
  EXPECT_FALSE(without.matches_prefix("axy"));
  EXPECT_FALSE(without.matches_prefix("yyz"));
}

TEST(GrammarMatcher, RunningOutOfTokensStillEndsInASentence) {
  const SmallVocabulary small;
  Builder b;
  std::vector<Node> roots{b.json_object(),
                          b.json_value(),
                          b.json_string(5, 40),
                          b.regex("[a-z]{3,9}(-[a-z]+)*"),
                          b.sequence({b.text_until("</think>"), b.json_object()}),
                          b.gbnf("root ::= \"(\" root* \")\"")};
  for (size_t r = 0; r < roots.size(); ++r) {
    const Constraint constraint = constraint_of(small, b, roots[r]);
    const int64_t least = constraint.min_tokens();
    ASSERT_GT(least, 0);
    for (int64_t budget = least; budget < least + 40; ++budget) {
      const auto text = ramble(small, constraint, uint64_t(budget), budget, 0);
      ASSERT_TRUE(text) << "root " << r << " budget " << budget;
      EXPECT_TRUE(b.build(roots[r]).matches(*text)) << *text;
    }
  }
}

TEST(GrammarMatcher, NestingHasAFloor) {
  const SmallVocabulary small;
  Builder b;
  Matcher matcher(constraint_of(small, b, b.json_value()));
  int64_t depth = 0;
  while (matcher.accept('[')) ++depth;
  EXPECT_GT(depth, 200);
  EXPECT_LT(depth, 1000);
  std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()));
  matcher.fill_mask(mask);
  EXPECT_EQ(mask, mask_by_trying(small, matcher));
  for (; depth > 0; --depth) ASSERT_TRUE(matcher.accept(']'));
  EXPECT_TRUE(matcher.is_finished());
}

TEST(GrammarMatcher, WhatCanBeReadInManyWaysIsReadInAll) {
  const SmallVocabulary small;
  Builder b;
  // Each bracket may belong to either inner root, so the ways double with every one; a palindrome
  // may turn anywhere.
  const std::vector<std::pair<std::string, Node>> languages{
      {"ab", b.gbnf("root ::= \"a\" root root \"b\" | \"\"")},
      {"ab", b.gbnf("root ::= \"a\" root root \"b\" | \"a\" root \"a\" root \"b\" | \"\"")},
      {"aa", b.gbnf("root ::= \"a\" root \"a\" | \"b\" root \"b\" | \"c\" | \"\"")},
  };
  for (const auto& [brackets, root] : languages) {
    const Constraint constraint = constraint_of(small, b, root);
    Matcher matcher(constraint);
    std::vector<uint64_t> mask(size_t(small.vocabulary->mask_words()));
    constexpr int depth = 60;
    for (int i = 0; i < depth; ++i) {
      matcher.fill_mask(mask);
      ASSERT_TRUE(has_bit(mask, brackets[0])) << i;
      if (i % 20 == 19) {
        ASSERT_EQ(mask, mask_by_trying(small, matcher)) << i;
      }
      ASSERT_TRUE(matcher.accept(brackets[0])) << i;
    }
    for (int64_t left = matcher.min_tokens(); !matcher.is_complete(); --left) {
      matcher.fill_mask(mask, left);
      const std::vector<int32_t> allowed = tokens_of(mask);
      ASSERT_FALSE(allowed.empty());
      ASSERT_TRUE(matcher.accept(allowed[0]));
      ASSERT_LT(matcher.min_tokens(), left);
    }
    EXPECT_TRUE(
        b.build(root).matches(std::string(depth, brackets[0]) + std::string(depth, brackets[1])));
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const auto text = ramble(small, constraint, seed, 120, 0);
      ASSERT_TRUE(text);
      EXPECT_TRUE(b.build(root).matches(*text)) << *text;
    }
  }
}

TEST(GrammarMatcher, AnswersDoNotDependOnOtherSequences) {
  const SmallVocabulary small;
  Builder b;
  const Grammar g = b.build(b.json_object());
  const Constraint alone(g, small.vocabulary), busy(g, small.vocabulary);
  for (uint64_t seed = 100; seed < 140; ++seed) ramble(small, busy, seed, 60);
  for (uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(ramble(small, alone, seed, 50), ramble(small, busy, seed, 50)) << seed;
}

TEST(GrammarMatcher, AVocabularyThatCannotSpellItIsRefused) {
  const std::vector<std::string> texts{"a", "b", ""};
  const std::vector<int32_t> ends{2};
  const auto vocabulary = Vocabulary::from_texts(texts, ends);
  Builder b;
  const Grammar g = b.build(b.literal("abc"));
  expect_refusal([&] { Constraint(g, vocabulary); }, ErrorKind::invalid_input, {"vocabulary"});
  // Ways that it cannot spell to the end are not begun.
  Matcher matcher(
      Constraint(b.build(b.literals(std::vector<std::string>{"abc", "ba"})), vocabulary));
  EXPECT_FALSE(matcher.allows(0));
  EXPECT_TRUE(matcher.accept(1));
  EXPECT_TRUE(matcher.accept(0));
  EXPECT_TRUE(matcher.is_finished());
  const std::vector<int32_t> wrong{7};
  expect_refusal([&] { Vocabulary::from_texts(texts, wrong); }, ErrorKind::invalid_input,
                 {"end tokens", "7"});
}

}  // namespace
}  // namespace deepseek::testing
