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
  int64_t steps = 0;  // that finding it took, those of the space not counted
};

/// Finds LocalMasks by walking the trie.
class LocalMasks {
 public:
  LocalMasks(const Automaton& automaton, const std::vector<Need>& needs, const TokenTrie& trie,
             MatchMeter& meter)
      : automaton_(automaton), needs_(needs), trie_(trie), meter_(meter) {}

  /// Stays valid until all are dropped. Throws as MatchMeter.
  const LocalMask& find(int32_t state, Space& space);
  /// Drops all if they have grown large.
  void trim();
  void forget();
  size_t size_bytes() const { return known_bytes_ + rows_.size() * sizeof(Row); }

 private:
  /// The steps of a state that has many.
  struct Row {
    std::array<int32_t, 256> targets;
    uint32_t loops;    // classes of bytes that all stay in this state
    int64_t walk = 0;  // the last that used it
  };
  class Groups;

  LocalMask walk_regular(int32_t state);
  LocalMask walk(int32_t state, Space& space) const;
  /// Null for a state of few edges, which are searched.
  const Row* row(int32_t state);
  std::unique_ptr<Row> make_row(int32_t state) const;

  const Automaton& automaton_;
  const std::vector<Need>& needs_;
  const TokenTrie& trie_;
  MatchMeter& meter_;
  std::unordered_map<int32_t, LocalMask> known_;
  std::unordered_map<int32_t, std::unique_ptr<Row>> rows_;
  size_t known_bytes_ = 0;
  int64_t walks_ = 0, rows_used_ = 0;  // rows by the present walk
};

struct Constraint::Parts {
  Parts(std::shared_ptr<const Automaton> grammar, std::shared_ptr<const TokenTrie> vocabulary,
        int64_t mask_steps);

  /// The space to work in, a fresh one when the last has grown large. Under the lock, as all below.
  const std::shared_ptr<Space>& current_space();
  /// What `work` returns, within the budget of one mask. Whether that suffices does not depend on
  /// what was found before: where it might, all is forgotten and done anew. After a refusal
  /// anything can be asked again.
  template <class Work>
  auto metered(const Work& work) {
    meter.begin();
    auto result = work();
    if (meter.within()) return result;
    forget();
    meter.begin();
    return work();
  }
  /// Sets the bits of tokens after which at most `limit` are needed. Returns the fewest and the
  /// most needed after any token.
  struct Needs {
    int32_t least = Need::never, most = 0;
  };
  Needs compose(int32_t set, int64_t limit, std::span<uint64_t> mask);
  /// The whole mask. Throws as MatchMeter.
  void fill(int32_t set, int64_t remaining, std::span<uint64_t> mask);
  /// The set after a token, or dead. Throws as MatchMeter.
  int32_t after(int32_t set, int32_t token);
  /// The bytes that must follow, at most 1,024.
  std::string forced(int32_t set);
  size_t size_bytes() const;

  std::shared_ptr<const Automaton> automaton;
  std::shared_ptr<const TokenTrie> trie;
  Spelling spelling;
  std::vector<Need> needs;
  MatchMeter meter;
  std::mutex lock;

 private:
  struct Known {
    int32_t set;
    int32_t most;
    int64_t steps;  // that who finds it here is spared
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
  void fill_once(int32_t set, int64_t remaining, std::span<uint64_t> mask);
  int32_t after_once(int32_t set, int32_t token);
  void forget();

  LocalMasks locals_;
  std::shared_ptr<Space> space_;
  std::list<Known> masks_;  // the latest used first
  std::unordered_map<int32_t, std::list<Known>::iterator> mask_of_;
};

}  // namespace deepseek::grammar
