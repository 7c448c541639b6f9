// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "formats/grammar/space.h"
#include "formats/grammar/token_trie.h"

namespace deepseek::grammar {

/// Ids as a list, or where they are many as bits.
struct TokenSet {
  std::vector<int32_t> ids;
  std::vector<uint64_t> bits;

  bool empty() const { return ids.empty() && bits.empty(); }
  void add_to(std::span<uint64_t> mask) const;
  void pack(int64_t vocab);
  size_t size_bytes() const { return ids.capacity() * 4 + bits.capacity() * 8; }
};

/// What tokens do in a state whatever its callers are: those that end within its rule, and where
/// the others leave it.
struct LocalMask {
  /// Tokens after which `need` more are wanted to end the rule. In a counted text: to end the
  /// character begun and the text, once enough characters are there.
  struct Group {
    int32_t need, chars;
    TokenSet tokens;
  };
  /// The rule ends at this node of the trie; what its subtree holds is the caller's.
  struct Exit {
    int32_t node, chars;
  };
  std::vector<Group> groups;
  std::vector<Exit> exits;
  TokenSet ending;  // tokens that end where the rule does; in a counted text they are at the exits
  int32_t reach = 0;  // the deepest that groups go, from the rule's own frame
  size_t size_bytes = 0;
};

/// Finds LocalMasks by walking the trie.
class LocalMasks {
 public:
  LocalMasks(const Automaton& automaton, const std::vector<Need>& needs, const TokenTrie& trie)
      : automaton_(automaton), needs_(needs), trie_(trie) {}

  /// Stays valid until the next call.
  const LocalMask& find(int32_t state, Space& space);
  size_t size_bytes() const { return known_bytes_ + rows_.size() * sizeof(Row); }

 private:
  /// The steps of a state that has many.
  struct Row {
    std::array<int32_t, 256> targets;
    uint32_t loops;  // classes of bytes that all stay in this state
  };
  class Groups;

  LocalMask walk_regular(int32_t state);
  LocalMask walk(int32_t state, Space& space) const;
  /// Null for a state of few edges, which are searched.
  const Row* row(int32_t state);

  const Automaton& automaton_;
  const std::vector<Need>& needs_;
  const TokenTrie& trie_;
  std::unordered_map<int32_t, LocalMask> known_;
  std::unordered_map<int32_t, std::unique_ptr<Row>> rows_;
  size_t known_bytes_ = 0;
};

struct Constraint::Parts {
  Parts(std::shared_ptr<const Automaton> grammar, std::shared_ptr<const TokenTrie> vocabulary);

  /// The space to work in, a fresh one when the last has grown large. Under the lock, as all below.
  const std::shared_ptr<Space>& current_space();
  /// Sets the bits of tokens after which at most `limit` are needed. Returns the fewest and the
  /// most needed after any token.
  struct Needs {
    int32_t least = Need::never, most = 0;
  };
  Needs compose(int32_t set, int64_t limit, std::span<uint64_t> mask);
  void fill(int32_t set, int64_t remaining, std::span<uint64_t> mask);
  /// The set after a token, or dead.
  int32_t after(int32_t set, int32_t token);
  size_t size_bytes() const;

  std::shared_ptr<const Automaton> automaton;
  std::shared_ptr<const TokenTrie> trie;
  Spelling spelling;
  std::vector<Need> needs;
  std::mutex lock;

 private:
  struct Known {
    int32_t set;
    int32_t most;
    std::vector<uint64_t> mask;
  };

  void add(Needs& found, int64_t need, int64_t limit, std::span<const int32_t> tokens,
           std::span<uint64_t> mask) const;
  void add(Needs& found, int64_t need, int64_t limit, const TokenSet& tokens,
           std::span<uint64_t> mask) const;
  void compose_below(int32_t set, int32_t node, int64_t limit, std::span<uint64_t> mask,
                     Needs& found);
  void compose_config(const Config& config, int64_t limit, std::span<uint64_t> mask, Needs& found);
  const Known& known(int32_t set);

  LocalMasks locals_;
  std::shared_ptr<Space> space_;
  std::list<Known> masks_;  // the latest used first
  std::unordered_map<int32_t, std::list<Known>::iterator> mask_of_;
};

}  // namespace deepseek::grammar
