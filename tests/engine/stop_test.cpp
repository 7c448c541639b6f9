// SPDX-License-Identifier: Apache-2.0
#include "engine/stop.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"

namespace deepseek {
namespace {

struct Ended {
  std::string shown;
  std::optional<size_t> matched;
  bool operator==(const Ended&) const = default;
};

/// The definition: the match that ends first, then the longest; text before it.
Ended naive(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    std::optional<size_t> best;
    for (size_t i = 0; i < stops.size(); ++i)
      if (std::string_view(text).substr(0, end).ends_with(stops[i]) &&
          (!best || stops[i].size() > stops[*best].size()))
        best = i;
    if (best) return {text.substr(0, end - stops[*best].size()), best};
  }
  return {text, std::nullopt};
}

TEST(StopMatcher, HoldsBackWhatCouldBeginAStop) {
  StopMatcher matcher({"\n\nUser:", "END"});
  EXPECT_EQ(matcher.feed("Hello\n"), "Hello");
  EXPECT_EQ(matcher.feed("there\n\nUs"), "\nthere");
  EXPECT_EQ(matcher.feed("ual E"), "\n\nUsual ");
  EXPECT_EQ(matcher.feed("ND and more"), "");
  EXPECT_EQ(matcher.matched(), 1u);
  EXPECT_EQ(matcher.feed("later"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, GivesBackWhatItHeldAtTheEnd) {
  StopMatcher matcher({"stop"});
  EXPECT_EQ(matcher.feed("do not sto"), "do not ");
  EXPECT_EQ(matcher.finish(), "sto");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcher, TakesTheLongestOfStopsThatEndTogether) {
  StopMatcher matcher({"c", "abc", "bc"});
  EXPECT_EQ(matcher.feed("xabc"), "x");
  EXPECT_EQ(matcher.matched(), 1u);
}

TEST(StopMatcher, WithoutStopsShowsEverything) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.feed("abc"), "abc");
}

TEST(StopMatcher, RefusesAnEmptyStop) { EXPECT_THROW(StopMatcher({"a", ""}), Error); }

TEST(StopMatcher, OfOneSetRunApartAndShareItsTexts) {
  const StopStrings stops = {"abab"};
  const std::vector<StopStrings> of_choices(2, stops);
  EXPECT_EQ(of_choices[0].texts().data(), of_choices[1].texts().data());
  StopMatcher one(of_choices[0]), two(of_choices[1]);
  EXPECT_EQ(one.feed("aba"), "");
  EXPECT_EQ(two.feed("b"), "b");
  EXPECT_EQ(one.feed("b"), "");
  EXPECT_TRUE(one.matched());
  EXPECT_FALSE(two.matched());
}

TEST(StopMatcher, EqualsANaiveSearchHoweverTheTextIsCut) {
  uint64_t at = 0;
  const CounterRandom random(7, 1);
  const auto below = [&](size_t n) { return size_t(random.uniform(at++) * double(n)); };
  const auto word = [&](size_t length) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += "ab\xC3\xA9"[below(4)];
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops;
    for (size_t i = 0, count = below(4); i < count; ++i) stops.push_back(word(1 + below(5)));
    const std::string text = word(below(40));
    StopMatcher matcher(stops);
    Ended got;
    for (size_t begin = 0; begin < text.size();) {
      const size_t size = 1 + below(6);
      got.shown += matcher.feed(std::string_view(text).substr(begin, size));
      begin += size;
      const Ended want = naive(text, stops);
      ASSERT_TRUE(want.shown.starts_with(got.shown)) << "shows part of a stop of: " << text;
    }
    got.shown += matcher.finish();
    got.matched = matcher.matched();
    ASSERT_EQ(got, naive(text, stops)) << text;
  }
}

}  // namespace
}  // namespace deepseek
