// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bitset>
#include <map>
#include <unordered_map>

#include "formats/grammar/nfa.h"

namespace deepseek::grammar {
namespace {

struct HashSet {
  size_t operator()(const std::vector<int32_t>& set) const {
    uint64_t hash = 0xCBF29CE484222325;
    for (const int32_t state : set) hash = (hash ^ uint32_t(state)) * 0x100000001B3;
    return size_t(hash ^ hash >> 29);
  }
};

/// Subset construction.
class Subsets {
 public:
  Subsets(const Nfa& nfa, Meter& meter) : nfa_(nfa), meter_(meter), mark_(nfa.states.size()) {}

  Dfa run() {
    intern({0});
    Dfa dfa;
    for (size_t i = 0; i < sets_.size(); ++i) dfa.states.push_back(expand(*sets_[i]));
    return dfa;
  }

 private:
  /// The number of the set that `kernel` and all jumps from it make.
  int32_t intern(const std::vector<int32_t>& kernel) {
    ++round_;
    std::vector<int32_t> set;
    const auto visit = [&](int32_t state) {
      if (mark_[state] == round_) return;
      mark_[state] = round_;
      set.push_back(state);
    };
    for (const int32_t state : kernel) visit(state);
    for (size_t i = 0; i < set.size(); ++i) {
      const std::vector<int32_t>& jumps = nfa_.states[set[i]].jumps;
      meter_.step(1 + int64_t(jumps.size()));
      for (const int32_t next : jumps) visit(next);
    }
    // States that do nothing but jump tell sets apart for nothing.
    std::erase_if(set, [&](int32_t state) {
      const Nfa::State& s = nfa_.states[state];
      return state != 1 && s.bytes.empty() && s.calls.empty() && s.symbols.empty();
    });
    std::sort(set.begin(), set.end());
    const auto [at, fresh] = known_.emplace(std::move(set), int32_t(sets_.size()));
    if (fresh) {
      meter_.state();
      sets_.push_back(&at->first);
    }
    return at->second;
  }

  Dfa::State expand(const std::vector<int32_t>& set) {
    Dfa::State result;
    std::vector<ByteEdge> edges;
    std::map<std::array<int32_t, 3>, std::vector<int32_t>> calls;
    std::map<int32_t, std::vector<int32_t>> symbols;
    for (const int32_t state : set) {
      const Nfa::State& from = nfa_.states[state];
      edges.insert(edges.end(), from.bytes.begin(), from.bytes.end());
      for (const CallEdge& call : from.calls)
        calls[{call.rule, call.min, call.max}].push_back(call.target);
      for (const SymbolEdge& symbol : from.symbols) symbols[symbol.token].push_back(symbol.target);
      result.accepting = result.accepting || state == 1;
    }
    meter_.step(int64_t(edges.size()));
    result.bytes = split(edges);
    for (auto& [call, targets] : calls)
      result.calls.push_back({call[0], call[1], call[2], intern(targets)});
    for (auto& [token, targets] : symbols) result.symbols.push_back({token, intern(targets)});
    return result;
  }

  std::vector<ByteEdge> split(const std::vector<ByteEdge>& edges) {
    std::vector<ByteEdge> result;
    if (edges.empty()) return result;
    std::bitset<257> cut;
    for (const ByteEdge& edge : edges) {
      cut.set(edge.first);
      cut.set(edge.last + 1);
    }
    std::vector<std::vector<int32_t>> targets(256);  // by first byte of a piece
    for (const ByteEdge& edge : edges) {
      for (int b = edge.first; b <= edge.last; ++b) {
        if (!cut.test(b)) continue;
        targets[b].push_back(edge.target);
        meter_.step();
      }
    }
    for (int b = 0; b < 256; ++b) {
      if (targets[b].empty()) continue;
      int last = b;
      while (!cut.test(last + 1)) ++last;
      const int32_t target = intern(targets[b]);
      if (!result.empty() && result.back().target == target && result.back().last + 1 == b)
        result.back().last = uint8_t(last);
      else
        result.push_back({uint8_t(b), uint8_t(last), target});
    }
    return result;
  }

  const Nfa& nfa_;
  Meter& meter_;
  std::unordered_map<std::vector<int32_t>, int32_t, HashSet> known_;
  std::vector<const std::vector<int32_t>*> sets_;  // by number; into known_
  std::vector<int64_t> mark_;
  int64_t round_ = 0;
};

}  // namespace

Dfa determinise(const Nfa& nfa, Meter& meter) { return Subsets(nfa, meter).run(); }

}  // namespace deepseek::grammar
