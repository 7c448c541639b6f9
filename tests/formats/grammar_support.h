// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/random.h"
#include "formats/grammar/grammar.h"

namespace deepseek::testing {

using grammar::Builder;
using grammar::Constraint;
using grammar::Grammar;
using grammar::Matcher;
using grammar::Node;
using grammar::Vocabulary;

/// 256 tokens of a byte, then words, then two end tokens and a special one.
struct SmallVocabulary {
  std::vector<std::string> texts;
  int32_t end = 0, other_end = 0, special = 0;
  std::shared_ptr<const Vocabulary> vocabulary;

  explicit SmallVocabulary(const std::vector<std::string>& words = usual_words()) {
    for (int b = 0; b < 256; ++b) texts.emplace_back(1, char(b));
    texts.insert(texts.end(), words.begin(), words.end());
    end = int32_t(texts.size());
    other_end = end + 1;
    special = end + 2;
    texts.resize(texts.size() + 3);
    const std::vector<int32_t> ends{end, other_end};
    vocabulary = Vocabulary::from_texts(texts, ends);
  }

  /// With pieces that cross the borders of JSON and of characters.
  static std::vector<std::string> usual_words() {
    return {"{\"",      "\":",      "\": ",     "\",",  "\", \"",   "\"}",      "}}",
            "]}",       "},",       ", ",       "[{\"", "[[",       "]]",       "true",
            "false",    "null",     "nul",      "12",   "123",      "000",      "0.",
            "e+",       "-1",       "\\n",      "\\u",  "\\\"",     "name",     " the",
            "ab",       "abc",      "aaaa",     "\"\"", "\"a",      "{}",       "[]",
            "\n\n",     "  ",       "        ", "\xC3", "\xE2\x82", "\x82\xAC", "\xE2\x82\xAC\"",
            "\xF0\x9F", "\x98\x80", "é",        "<t",   "</think>", "20",       "2024-",
            "00:",      "@a",       ".com",     "://"};
  }
};

inline bool has_bit(const std::vector<uint64_t>& mask, int32_t token) {
  return mask[size_t(token) / 64] >> (token % 64) & 1;
}

inline std::vector<int32_t> tokens_of(const std::vector<uint64_t>& mask) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < mask.size(); ++i)
    for (uint64_t word = mask[i]; word != 0; word &= word - 1)
      tokens.push_back(int32_t(i * 64) + std::countr_zero(word));
  return tokens;
}

/// What a model without any sense says within `budget` tokens; nothing when it could not finish.
/// `end_chance`: how often it ends where it may.
inline std::optional<std::string> ramble(const SmallVocabulary& small, const Constraint& constraint,
                                         uint64_t seed, int64_t budget, double end_chance = 0.2) {
  Matcher matcher(constraint);
  const CounterRandom random(seed, 0);
  std::vector<uint64_t> mask(size_t(constraint.vocabulary().mask_words()));
  std::string text;
  for (int64_t used = 0; used < budget; ++used) {
    matcher.fill_mask(mask, budget - used);
    std::vector<int32_t> allowed = tokens_of(mask);
    if (allowed.empty()) {
      ADD_FAILURE() << "nothing is allowed after " << text;
      return std::nullopt;
    }
    const auto draw = random.block(uint64_t(used));
    const bool may_end = has_bit(mask, small.end);
    EXPECT_EQ(may_end, matcher.is_complete());
    if (may_end && (matcher.is_finished() || double(draw[1]) / 4294967296.0 < end_chance))
      return text;
    std::erase_if(allowed,
                  [&](int32_t token) { return token == small.end || token == small.other_end; });
    if (allowed.empty()) return text;
    const int32_t token = allowed[draw[0] % allowed.size()];
    EXPECT_TRUE(matcher.allows(token));
    if (!matcher.accept(token)) {
      ADD_FAILURE() << "token " << token << " was allowed and then refused after " << text;
      return std::nullopt;
    }
    text += small.texts[size_t(token)];
  }
  if (matcher.is_complete()) return text;
  return std::nullopt;
}

}  // namespace deepseek::testing
