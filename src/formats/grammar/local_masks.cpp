// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <map>

#include "formats/grammar/masks.h"

namespace deepseek::grammar {

void TokenSet::add_to(std::span<uint64_t> mask) const {
  for (const int32_t id : ids) mask[size_t(id) / 64] |= uint64_t(1) << (id % 64);
  for (size_t i = 0; i < bits.size(); ++i) mask[i] |= bits[i];
}

void TokenSet::pack(int64_t vocab) {
  if (int64_t(ids.size()) * 32 < vocab) {
    ids.shrink_to_fit();
    return;
  }
  bits.assign(size_t(vocab + 63) / 64, 0);
  for (const int32_t id : ids) bits[size_t(id) / 64] |= uint64_t(1) << (id % 64);
  ids = {};
}

/// Collects tokens by what they need.
class LocalMasks::Groups {
 public:
  std::vector<int32_t>& ids(int32_t need, int32_t chars) {
    if (need != need_ || chars != chars_) {
      need_ = need;
      chars_ = chars;
      last_ = &groups_[{need, chars}];
    }
    return *last_;
  }
  void add(int32_t need, int32_t chars, std::span<const int32_t> tokens) {
    if (tokens.empty()) return;
    std::vector<int32_t>& all = ids(need, chars);
    all.insert(all.end(), tokens.begin(), tokens.end());
  }
  /// The rule ends at `node`.
  void exit(LocalMask& mask, const TokenTrie& trie, int32_t node, bool has_callers) {
    const std::span<const int32_t> tokens = trie.tokens(node);
    mask.ending.ids.insert(mask.ending.ids.end(), tokens.begin(), tokens.end());
    if (has_callers && trie.end(node) > node + 1) mask.exits.push_back({node, 0});
  }
  void move_to(LocalMask& mask, int64_t vocab) {
    mask.ending.pack(vocab);
    mask.size_bytes += mask.ending.size_bytes();
    for (auto& [key, tokens] : groups_) {
      mask.groups.push_back({key.first, key.second, {std::move(tokens), {}}});
      mask.groups.back().tokens.pack(vocab);
      mask.size_bytes += mask.groups.back().tokens.size_bytes();
    }
    mask.size_bytes += sizeof(mask) + mask.exits.size() * sizeof(LocalMask::Exit);
  }

 private:
  std::map<std::pair<int32_t, int32_t>, std::vector<int32_t>> groups_;
  int32_t need_ = -1, chars_ = -1;
  std::vector<int32_t>* last_ = nullptr;
};

const LocalMask& LocalMasks::find(int32_t state, Space& space) {
  const auto at = known_.find(state);
  if (at != known_.end()) {
    meter_.spare(at->second.steps);
    return at->second;
  }
  LocalMask mask = automaton_.rule_regular[automaton_.states[state].rule] ? walk_regular(state)
                                                                          : walk(state, space);
  meter_.step(mask.steps);
  known_bytes_ += mask.size_bytes;
  return known_.emplace(state, std::move(mask)).first->second;
}

void LocalMasks::trim() {
  constexpr size_t limit_bytes = size_t{24} << 20;
  if (known_bytes_ > limit_bytes) forget();
}

void LocalMasks::forget() {
  known_.clear();
  known_bytes_ = 0;
}

const LocalMasks::Row* LocalMasks::row(int32_t state) {
  constexpr int32_t few = 8;
  const Automaton::State& from = automaton_.states[state];
  if (from.bytes_end - from.bytes_begin <= few && !from.counted) {
    const bool one_loops = std::any_of(automaton_.bytes.begin() + from.bytes_begin,
                                       automaton_.bytes.begin() + from.bytes_end,
                                       [&](const ByteEdge& edge) { return edge.target == state; });
    if (!one_loops) return nullptr;
  }
  std::unique_ptr<Row>& row = rows_[state];
  if (row == nullptr) row = make_row(state);
  if (row->walk != walks_) {
    row->walk = walks_;
    ++rows_used_;
  }
  return row.get();
}

std::unique_ptr<LocalMasks::Row> LocalMasks::make_row(int32_t state) const {
  const Automaton::State& from = automaton_.states[state];
  auto row = std::make_unique<Row>();
  row->targets.fill(-1);
  for (int32_t e = from.bytes_begin; e < from.bytes_end; ++e) {
    const ByteEdge& edge = automaton_.bytes[e];
    std::fill(row->targets.begin() + edge.first, row->targets.begin() + edge.last + 1, edge.target);
  }
  row->loops = (uint32_t(1) << TokenTrie::class_count) - 1;
  for (int b = 0; b < 256; ++b)
    if (row->targets[b] != state) row->loops &= ~(uint32_t(1) << TokenTrie::byte_class(uint8_t(b)));
  // A character of several bytes does not return here at each, so bytes count as characters.
  if (from.counted) row->loops &= ~uint32_t(1);
  return row;
}

/// A rule of bytes alone: one state at a time, and in a counted text the number of characters.
LocalMask LocalMasks::walk_regular(int32_t state) {
  constexpr size_t most_rows = 4096;
  if (rows_.size() > most_rows) rows_.clear();
  ++walks_;
  rows_used_ = 0;
  int64_t steps = 0;
  LocalMask mask;
  Groups groups;
  const int32_t counted_need = needs_[automaton_.starts[automaton_.states[state].rule]].tokens;
  const bool counted = automaton_.states[automaton_.starts[automaton_.states[state].rule]].counted;
  const bool has_callers = automaton_.states[state].rule != 0;
  struct Step {
    int32_t state, chars;
    const Row* row;
  };
  std::vector<Step> path(size_t(trie_.max_depth()) + 1);
  path[0] = {state, 0, row(state)};
  for (int32_t node = 1; node < trie_.node_count();) {
    const int32_t depth = trie_.depth(node);
    const Step& from = path[depth - 1];
    steps += match_cost::node;
    const int32_t target = from.row != nullptr ? from.row->targets[trie_.byte(node)]
                                               : automaton_.target(from.state, trie_.byte(node));
    if (target < 0) {
      node = trie_.end(node);
      continue;
    }
    const Automaton::State& reached = automaton_.states[target];
    const int32_t chars = from.chars + (reached.counted ? 1 : 0);
    if (reached.accepting && counted) mask.exits.push_back({node, chars});
    if (reached.accepting && !counted) groups.exit(mask, trie_, node, has_callers);
    if (reached.leaf) {
      node = trie_.end(node);
      continue;
    }
    const Need& need = needs_[target];
    const int32_t begun = counted && !reached.counted ? 1 : 0;
    if (need.possible()) groups.add(need.tokens, chars + begun, trie_.tokens(node));
    const Row* next = target == from.state ? from.row : row(target);
    if (next != nullptr && (trie_.classes_below(node) & ~next->loops) == 0 && !reached.accepting) {
      const std::span<const int32_t> below =
          trie_.tokens_below(node).subspan(trie_.tokens(node).size());
      steps += counted ? match_cost::token * int64_t(below.size()) : int64_t(below.size()) / 4;
      if (!counted) groups.add(need.tokens, 0, below);
      for (const int32_t token : counted ? below : std::span<const int32_t>())
        groups.ids(counted_need, chars + int32_t(trie_.text(token).size()) - depth)
            .push_back(token);
      node = trie_.end(node);
      continue;
    }
    path[depth] = {target, chars, next};
    ++node;
  }
  mask.steps = steps + match_cost::row * rows_used_;
  groups.move_to(mask, trie_.size());
  return mask;
}

LocalMask LocalMasks::walk(int32_t state, Space& space) const {
  LocalMask mask;
  int64_t visited = 0;
  Groups groups;
  const bool has_callers = automaton_.states[state].rule != 0;
  std::vector<int32_t> path(size_t(trie_.max_depth()) + 1);
  path[0] = space.open_state(state);
  for (int32_t node = 1; node < trie_.node_count();) {
    const int32_t depth = trie_.depth(node);
    const int32_t set = space.remembered_step(path[depth - 1], trie_.byte(node));
    ++visited;
    if (set == Space::dead) {
      node = trie_.end(node);
      continue;
    }
    const Space::Set& reached = space.at(set);
    if (reached.complete) groups.exit(mask, trie_, node, has_callers);
    if (reached.size == 0) {
      node = trie_.end(node);
      continue;
    }
    if (reached.need < Need::never && !trie_.tokens(node).empty()) {
      groups.add(reached.need, 0, trie_.tokens(node));
      mask.reach = std::max(mask.reach, reached.reach);
    }
    path[depth] = set;
    ++node;
  }
  mask.steps = match_cost::node * visited;
  groups.move_to(mask, trie_.size());
  return mask;
}

}  // namespace deepseek::grammar
