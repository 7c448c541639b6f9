// SPDX-License-Identifier: Apache-2.0
#include "formats/bpe.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <utility>

#include "core/random.h"

namespace deepseek {
namespace {

using Ids = std::vector<int32_t>;

struct Model {
  TokenTable tokens{"test"};
  MergeList merges;
  std::map<std::pair<int32_t, int32_t>, std::pair<size_t, int32_t>> by_pair;  // rank, result
};

/// Letters a to d and random merges of what is there already, in random order of rank: lists of
/// files are ordered, but a hostile one need not be.
Model random_model(uint64_t seed) {
  Model model;
  CounterRandom random(seed, 0);
  std::vector<std::string> texts;
  const auto add = [&](const std::string& text) {
    const auto at = std::find(texts.begin(), texts.end(), text);
    if (at == texts.end()) {
      model.tokens.add_spelled(int64_t(texts.size()), text);
      texts.push_back(text);
      return int32_t(texts.size() - 1);
    }
    return int32_t(at - texts.begin());
  };
  uint64_t draw = 0;
  const auto below = [&](size_t n) { return size_t(random.block(draw++)[0] % n); };
  for (const char* letter : {"a", "b", "c", "d"}) add(letter);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (int i = 0; i < 60; ++i) {
    const std::string& left = texts[below(texts.size())];
    const std::string& right = texts[below(texts.size())];
    if (left.size() + right.size() > 12) continue;
    pairs.emplace_back(left, right);
    add(left + right);
  }
  for (size_t i = pairs.size(); i > 1; --i) std::swap(pairs[i - 1], pairs[below(i)]);
  model.tokens.index();
  for (size_t rank = 0; rank < pairs.size(); ++rank) {
    const auto& [left, right] = pairs[rank];
    model.merges.add(left, right);
    model.by_pair[{model.tokens.find(left), model.tokens.find(right)}] = {
        rank, model.tokens.find(left + right)};
  }
  return model;
}

/// The definition: again and again the pair of lowest rank, leftmost first.
Ids merged_by_definition(const Model& model, const std::string& text) {
  Ids ids;
  for (const char letter : text) ids.push_back(model.tokens.find({&letter, 1}));
  while (true) {
    size_t best_rank = std::numeric_limits<size_t>::max(), best = 0;
    int32_t result = -1;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto at = model.by_pair.find({ids[i], ids[i + 1]});
      if (at != model.by_pair.end() && at->second.first < best_rank) {
        std::tie(best_rank, result) = at->second;
        best = i;
      }
    }
    if (result < 0) return ids;
    ids[best] = result;
    ids.erase(ids.begin() + best + 1);
  }
}

TEST(Bpe, ShortAndLongPiecesAreMergedAsDefined) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Model model = random_model(seed);
    const Bpe bpe(model.tokens, "test", {}, model.merges);
    Bpe::Scratch scratch;
    CounterRandom random(seed, 1);
    uint64_t draw = 0;
    for (int i = 0; i < 30; ++i) {
      std::string text;
      const size_t size = 1 + random.block(draw++)[0] % (i < 15 ? 60 : 400);
      const uint64_t letters = 1 + random.block(draw++)[0] % 4;
      for (size_t k = 0; k < size; ++k) text += char('a' + random.block(draw++)[0] % letters);
      Ids ids;
      bpe.encode(text, ids, scratch);
      ASSERT_EQ(ids, merged_by_definition(model, text)) << "seed " << seed << ": " << text;
      Ids again;
      bpe.encode(text, again, scratch);
      ASSERT_EQ(again, ids) << "seed " << seed << ": " << text;
    }
  }
}

TEST(Bpe, OfEqualMergesTheChosenOneCounts) {
  TokenTable tokens("test");
  for (const char* text : {"a", "b", "c", "ab", "bc"}) tokens.add_spelled(tokens.size(), text);
  tokens.index();
  MergeList merges;
  merges.add("a", "b");
  merges.add("b", "c");
  merges.add("a", "b");
  Bpe::Scratch scratch;
  for (const bool later : {false, true}) {
    Bpe::Options options;
    options.later_merge_wins = later;
    const Bpe bpe(tokens, "test", options, merges);
    Ids ids;
    Bpe::Scratch fresh;
    bpe.encode("abc", ids, fresh);
    EXPECT_EQ(ids, later ? (Ids{0, 4}) : (Ids{3, 2}));
  }
}

TEST(Bpe, BytesWithoutATokenBecomeTheUnknownOne) {
  TokenTable tokens("test");
  for (const char* text : {"a", "?"}) tokens.add_spelled(tokens.size(), text);
  tokens.index();
  for (const bool fuse : {false, true}) {
    Bpe::Options options;
    options.unknown_id = 1;
    options.fuse_unknown = fuse;
    const Bpe bpe(tokens, "test", options, MergeList());
    Bpe::Scratch scratch;
    Ids ids;
    bpe.encode("axya", ids, scratch);
    EXPECT_EQ(ids, fuse ? (Ids{0, 1, 0}) : (Ids{0, 1, 1, 0}));
  }
}

}  // namespace
}  // namespace deepseek
