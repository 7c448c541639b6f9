// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/error.h"
#include "formats/grammar/grammar.h"

namespace deepseek::fuzz {

/// Small enough that a bomb costs little time, large enough that usual input is within it.
inline grammar::Budget small_budget() {
  return {.source_bytes = 1 << 16,
          .depth = 60,
          .rules = 1000,
          .nodes = 50'000,
          .states = 20'000,
          .steps = 1'000'000};
}

inline std::shared_ptr<const grammar::Vocabulary> small_vocabulary(std::vector<std::string>& texts,
                                                                   int32_t& end) {
  for (int b = 0; b < 256; ++b) texts.emplace_back(1, char(b));
  for (const char* word :
       {"{\"",  "\":", "\",",  "\"}",      "[[",       "]]",  "aa", "ab", "12", "true",
        "\"\"", "{}",  "\xC3", "\xE2\x82", "\x82\xAC", "\\u", "00", "e+", "  ", "root"})
    texts.emplace_back(word);
  end = int32_t(texts.size());
  texts.emplace_back();
  const std::vector<int32_t> ends{end};
  return grammar::Vocabulary::from_texts(texts, ends);
}

/// Writes as `data` says within a number of tokens and aborts when a promise is broken: something
/// is allowed unless it is finished, what is allowed is accepted, what is not is refused, undoing
/// returns to the same mask, and what can be completed in time is.
inline void walk(const grammar::Grammar& grammar, std::string_view data) {
  static std::vector<std::string> texts;
  static int32_t end = 0;
  static const std::shared_ptr<const grammar::Vocabulary> vocabulary = small_vocabulary(texts, end);
  const grammar::Constraint constraint(grammar, vocabulary);
  grammar::Matcher matcher(constraint);
  const int64_t least = constraint.min_tokens();
  constexpr int64_t longest = 200;
  if (least > longest) return;
  std::vector<uint64_t> mask(size_t(vocabulary->mask_words())), again(mask.size());
  std::string text;
  uint32_t state = 1;
  const int64_t budget = least + (data.empty() ? 10 : uint8_t(data[0]) % 40);
  for (int64_t used = 0;; ++used) {
    if (used == budget) {
      if (!matcher.is_complete()) std::abort();
      break;
    }
    matcher.fill_mask(mask, budget - used);
    std::vector<int32_t> allowed;
    for (size_t i = 0; i < mask.size(); ++i)
      for (uint64_t word = mask[i]; word != 0; word &= word - 1)
        allowed.push_back(int32_t(i * 64) + std::countr_zero(word));
    if (allowed.empty()) std::abort();
    const bool may_end = mask[size_t(end) / 64] >> (end % 64) & 1;
    if (may_end != matcher.is_complete()) std::abort();
    if (matcher.is_finished()) break;
    state = state * 1664525 + 1013904223 +
            (data.empty() ? 0 : uint8_t(data[size_t(used) % data.size()]));
    const int32_t token = allowed[(state >> 8) % allowed.size()];
    const auto other = int32_t((state >> 4) % texts.size());
    matcher.fill_mask(again);
    const bool other_allowed = again[size_t(other) / 64] >> (other % 64) & 1;
    if (matcher.allows(other) != other_allowed) std::abort();
    if (token == end) break;
    if (!matcher.accept(token)) std::abort();
    matcher.rollback(1);
    std::vector<uint64_t> undone(mask.size());
    matcher.fill_mask(undone);
    if (undone != again || !matcher.accept(token)) std::abort();
    text += texts[size_t(token)];
    const std::string forced = matcher.forced_bytes();
    if (!forced.empty() && !grammar::Matcher(matcher).accept_text(forced)) std::abort();
  }
  if (matcher.is_complete() != grammar.matches(text)) std::abort();
}

/// Compiles with `compose` and walks; refusals must be of the kinds that bad input has.
template <class Compose>
void compile_and_walk(std::string_view data, Compose compose) {
  try {
    grammar::Builder builder(small_budget());
    walk(builder.build(compose(builder)), data);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input && error.kind() != ErrorKind::unsupported)
      std::abort();
  }
}

}  // namespace deepseek::fuzz
