// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "formats/grammar/automaton.h"

namespace deepseek::grammar {

class TokenTrie;

/// How deep calls may stand in each other while matching.
inline constexpr int32_t max_frames = 512;

/// From a state to the end of its rule: the fewest tokens known to do, and among those ways the
/// fewest frames above the present one.
struct Need {
  static constexpr int32_t never = 1 << 29;
  int32_t tokens = never, depth = 0;
  bool possible() const { return tokens < never; }
};

/// What texts are made of: the tokens of a vocabulary, or any single bytes.
struct Spelling {
  const TokenTrie* trie = nullptr;
  static Spelling any_byte() { return {}; }
  bool spells(uint8_t byte) const;
  bool has_token(int32_t token) const;
  /// The fewest tokens for that many characters of a counted text.
  int64_t run_cost(int64_t chars) const;
};

/// By state. A step takes one token that ends where no rule does; tokens longer than a byte count
/// where the grammar leaves little choice, as in the names of a schema's properties. So the answer
/// may be larger than the truth, but a step to a state whose need is one less always exists.
/// (Dijkstra's order generalised to rules; Knuth, 1977.)
std::vector<Need> min_tokens(const Automaton& automaton, const Spelling& spelling, Meter& meter);

}  // namespace deepseek::grammar
