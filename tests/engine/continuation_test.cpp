// SPDX-License-Identifier: Apache-2.0
#include "engine/continuation.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/error.h"
#include "tests/formats/tiny_tokenizer.h"

namespace deepseek {
namespace {

constexpr int64_t vocab = 301;
constexpr int32_t end_token = 7;

/// Logits whose largest is that of `token`, then those after it in turn.
std::vector<float> favouring(int32_t token) {
  std::vector<float> logits(vocab);
  for (int64_t i = 0; i < vocab; ++i) logits[size_t((token + i) % vocab)] = float(vocab - i) / 10;
  return logits;
}

ContinuationOptions greedy(int64_t max_tokens) {
  ContinuationOptions options;
  options.sample.temperature = 0;
  options.max_tokens = max_tokens;
  options.end_tokens = {end_token};
  return options;
}

/// Feeds wishes one after the other until the answer ends.
std::vector<int32_t> follow(Continuation& answer, const std::vector<int32_t>& wishes) {
  for (size_t i = 0; i < wishes.size() && !answer.finish(); ++i)
    answer.advance(favouring(wishes[i]), int64_t(i));
  return answer.tokens();
}

/// Allows tokens of one residue, or in the last `close` tokens only the end.
class EveryThird : public TokenConstraint {
 public:
  explicit EveryThird(int32_t residue) : residue_(residue) {}
  void fill_mask(std::span<uint64_t> mask, int64_t remaining_tokens) override {
    ASSERT_EQ(mask.size(), size_t(vocab + 63) / 64);
    std::fill(mask.begin(), mask.end(), ~uint64_t{0});  // bits beyond the vocabulary too
    for (int32_t t = 0; t < vocab; ++t)
      if (remaining_tokens == 1 ? t != end_token : t % 3 != residue_)
        mask[size_t(t) / 64] &= ~(uint64_t{1} << (t % 64));
    seen.push_back(remaining_tokens);
  }
  void accept(int32_t token) override { accepted.push_back(token); }
  bool finished() const override { return accepted.size() == stop_after; }
  int64_t least_tokens() const override { return 4; }

  std::vector<int32_t> accepted;
  std::vector<int64_t> seen;
  size_t stop_after = 1000;

 private:
  int32_t residue_;
};

TEST(Continuation, EndsAtAnEndTokenALimitOrFromOutside) {
  Continuation ended(greedy(10), nullptr, vocab);
  EXPECT_EQ(follow(ended, {1, 2, end_token, 4}), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(ended.finish(), FinishReason::stop);
  EXPECT_EQ(ended.end_token(), end_token);
  Continuation cut(greedy(2), nullptr, vocab);
  EXPECT_EQ(follow(cut, {1, 2, 3}), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(cut.finish(), FinishReason::length);
  Continuation none(greedy(0), nullptr, vocab);
  EXPECT_EQ(none.finish(), FinishReason::length);
  Continuation left(greedy(10), nullptr, vocab);
  follow(left, {1});
  left.end(FinishReason::cancelled);
  EXPECT_EQ(left.finish(), FinishReason::cancelled);
}

TEST(Continuation, NoEndBeforeMinTokens) {
  ContinuationOptions options = greedy(10);
  options.min_tokens = 2;
  Continuation answer(options, nullptr, vocab);
  EXPECT_EQ(follow(answer, {end_token, end_token, end_token}), (std::vector<int32_t>{8, 8}));
  EXPECT_EQ(answer.finish(), FinishReason::stop);
}

TEST(Continuation, TheConstraintChoosesAmongWhatItAllows) {
  for (const double temperature : {0.0, 1.0}) {
    ContinuationOptions options = greedy(10);
    options.sample.temperature = temperature;
    const auto constraint = std::make_shared<EveryThird>(2);
    options.constraint = constraint;
    Continuation answer(options, nullptr, vocab);
    const auto tokens = follow(answer, {1, 3, 9, 10, 11, 12, 13, 14, 15, 16});
    ASSERT_EQ(tokens.size(), 9u) << "the last of ten is the end token";
    for (const int32_t token : tokens) EXPECT_EQ(token % 3, 2);
    EXPECT_EQ(constraint->accepted, tokens);
    EXPECT_EQ(constraint->seen, (std::vector<int64_t>{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}));
    EXPECT_EQ(answer.finish(), FinishReason::stop);
  }
}

TEST(Continuation, AnEndThatIsAvoidedComesWhereNothingElseIsAllowed) {
  ContinuationOptions options = greedy(4);
  options.avoided_end = options.end_tokens;
  options.constraint = std::make_shared<EveryThird>(1);  // the end token's
  Continuation answer(options, nullptr, vocab);
  EXPECT_EQ(follow(answer, {end_token, end_token, end_token, end_token}),
            (std::vector<int32_t>{10, 10, 10}));
  EXPECT_EQ(answer.finish(), FinishReason::stop);
}

TEST(Continuation, AFinishedConstraintEndsTheAnswer) {
  ContinuationOptions options = greedy(10);
  const auto constraint = std::make_shared<EveryThird>(0);
  constraint->stop_after = 2;
  options.constraint = constraint;
  Continuation answer(options, nullptr, vocab);
  EXPECT_EQ(follow(answer, {3, 6, 9}), (std::vector<int32_t>{3, 6}));
  EXPECT_EQ(answer.finish(), FinishReason::stop);
}

TEST(Continuation, AConstraintThatAllowsNothingIsAnError) {
  class Nothing : public EveryThird {
   public:
    Nothing() : EveryThird(0) {}
    void fill_mask(std::span<uint64_t> mask, int64_t /*remaining*/) override {
      std::fill(mask.begin(), mask.end(), uint64_t{0});
    }
  };
  for (const double temperature : {0.0, 1.0}) {
    ContinuationOptions options = greedy(10);
    options.sample.temperature = temperature;
    options.constraint = std::make_shared<Nothing>();
    Continuation answer(options, nullptr, vocab);
    EXPECT_THROW(answer.advance(favouring(1), 0), Error);
  }
}

ThinkingOptions thinking() {
  ThinkingOptions thinking;
  thinking.open = {100};
  thinking.close = {101, 102};
  return thinking;
}

TEST(Continuation, TheThinkingBudgetClosesReasoning) {
  ContinuationOptions options = greedy(20);
  options.thinking = thinking();
  options.thinking->budget = 3;
  options.thinking->forced_close = {50, 101, 102};
  Continuation answer(options, nullptr, vocab);
  EXPECT_EQ(follow(answer, {1, 100, 2, 3, 4, 5, 5, 5, 6, end_token}),
            (std::vector<int32_t>{1, 100, 2, 3, 4, 50, 101, 102, 6}));
  EXPECT_EQ(answer.reasoning_tokens(), 3);
  EXPECT_FALSE(answer.thinking());

  options.thinking->open_at_start = true;
  options.thinking->budget = 0;
  Continuation at_once(options, nullptr, vocab);
  EXPECT_EQ(follow(at_once, {1, 1, 1, 2, end_token}), (std::vector<int32_t>{50, 101, 102, 2}));
}

TEST(Continuation, ReasoningThatClosesItselfIsLeftAlone) {
  ContinuationOptions options = greedy(20);
  options.thinking = thinking();
  options.thinking->open_at_start = true;
  options.thinking->budget = 5;
  Continuation answer(options, nullptr, vocab);
  EXPECT_EQ(follow(answer, {1, 2, 101, 102, 3, 4, 5, 6, 7, end_token}),
            (std::vector<int32_t>{1, 2, 101, 102, 3, 4, 5, 6}));
  EXPECT_EQ(answer.reasoning_tokens(), 2);
}

TEST(Continuation, TheConstraintBeginsAfterReasoning) {
  ContinuationOptions options = greedy(12);
  options.thinking = thinking();
  options.thinking->open_at_start = true;
  const auto constraint = std::make_shared<EveryThird>(0);
  options.constraint = constraint;
  Continuation answer(options, nullptr, vocab);
  const auto tokens = follow(answer, {1, 2, end_token, 101, 102, 1, 4, 7, 10, 13, 16, 19});
  EXPECT_EQ(tokens, (std::vector<int32_t>{1, 2, 8, 101, 102, 3, 6, 9, 12, 15, 18}))
      << "no end while it thinks";
  EXPECT_EQ(constraint->accepted, (std::vector<int32_t>{3, 6, 9, 12, 15, 18}));
}

TEST(Continuation, ReasoningLeavesRoomForTheShortestAnswer) {
  ContinuationOptions options = greedy(10);
  options.thinking = thinking();
  options.thinking->open_at_start = true;
  options.constraint = std::make_shared<EveryThird>(0);
  Continuation answer(options, nullptr, vocab);
  const auto tokens = follow(answer, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  // Two tokens close it, four are what the constraint needs.
  EXPECT_EQ(tokens, (std::vector<int32_t>{1, 1, 1, 1, 101, 102, 3, 3, 3}));
}

TEST(Continuation, TextEndsBeforeAStopString) {
  const Tokenizer tokenizer = testing::tiny_tokenizer();
  const std::vector<int32_t> ids = tokenizer.encode("one two three four");
  ContinuationOptions options = greedy(50);
  options.stop = {"ee f", "zz"};
  options.logprobs = true;
  options.top_logprobs = 2;
  Continuation answer(options, &tokenizer, 700);
  std::string text;
  double sum = 0;
  for (size_t i = 0; i < ids.size() && !answer.finish(); ++i) {
    std::vector<float> logits(700, 0);
    logits[size_t(ids[i])] = 5;
    const ContinuationPiece piece = answer.advance(logits, int64_t(i));
    text += piece.text;
    sum += piece.logprobs->chosen.logprob;
    EXPECT_EQ(piece.logprobs->best.size(), 2u);
    EXPECT_EQ(piece.logprobs->best[0].logprob, piece.logprobs->chosen.logprob);
  }
  EXPECT_EQ(text, "one two thr");
  EXPECT_EQ(answer.matched_stop(), 0u);
  EXPECT_EQ(answer.finish(), FinishReason::stop);
  EXPECT_EQ(answer.cumulative_logprob(), sum);
}

TEST(Continuation, RefusesWhatItCannotDo) {
  ContinuationOptions options = greedy(5);
  options.stop = {"x"};
  EXPECT_THROW(Continuation(options, nullptr, vocab), Error);
  options = greedy(-1);
  EXPECT_THROW(Continuation(options, nullptr, vocab), Error);
  options = greedy(5);
  options.thinking = ThinkingOptions{};
  options.thinking->budget = 4;
  EXPECT_THROW(Continuation(options, nullptr, vocab), Error);
  options.thinking->forced_close = {int32_t(vocab)};
  EXPECT_THROW(Continuation(options, nullptr, vocab), Error);
}

}  // namespace
}  // namespace deepseek
