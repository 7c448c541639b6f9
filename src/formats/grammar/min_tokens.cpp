// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/min_tokens.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "formats/grammar/token_trie.h"

namespace deepseek::grammar {
namespace {

class Search {
 public:
  Search(const Automaton& automaton, const Spelling& spelling, Meter& meter)
      : automaton_(automaton),
        spelling_(spelling),
        meter_(meter),
        needs_(automaton.states.size()),
        done_(automaton.states.size()),
        into_(automaton.states.size()),
        returning_(automaton.states.size()),
        calling_(automaton.starts.size()) {}

  std::vector<Need> run() {
    for (int32_t s = 0; s < int32_t(needs_.size()); ++s) prepare(s);
    while (!open_.empty()) {
      const auto [tokens, depth, state] = open_.top();
      open_.pop();
      if (done_[state]) continue;
      done_[state] = true;
      settle(state);
    }
    return std::move(needs_);
  }

 private:
  /// How many bytes lead out of a state, if few.
  bool narrow(int32_t s) const {
    constexpr int few = 8;
    const Automaton::State& state = automaton_.states[s];
    int count = 0;
    for (int32_t e = state.bytes_begin; e < state.bytes_end && count <= few; ++e)
      count += automaton_.bytes[e].last - automaton_.bytes[e].first + 1;
    return count <= few;
  }

  void prepare(int32_t s) {
    const Automaton::State& state = automaton_.states[s];
    for (int32_t e = state.bytes_begin; e < state.bytes_end; ++e) {
      const ByteEdge& edge = automaton_.bytes[e];
      for (int b = edge.first; b <= edge.last; ++b) {
        if (!spelling_.spells(uint8_t(b))) continue;
        into_[edge.target].push_back(s);
        break;
      }
    }
    for (int32_t e = state.symbols_begin; e < state.symbols_end; ++e)
      if (spelling_.has_token(automaton_.symbols[e].token))
        into_[automaton_.symbols[e].target].push_back(s);
    for (int32_t c = state.calls_begin; c < state.calls_end; ++c) {
      returning_[automaton_.calls[c].target].emplace_back(s, c);
      calling_[automaton_.calls[c].rule].emplace_back(s, c);
    }
    if (spelling_.trie != nullptr && narrow(s)) add_words(s);
    if (state.accepting) relax(s, 0, 0);
    meter_.step(1 + state.bytes_end - state.bytes_begin);
  }

  /// Edges for tokens of several bytes.
  void add_words(int32_t s) {
    // Enough for names and marks; large automata are enumerations, which bytes lead through.
    const size_t limit = automaton_.states.size() > 20'000 ? 16 : 64;
    const TokenTrie& trie = *spelling_.trie;
    words_.assign(1, {0, s});
    for (size_t i = 0; i < words_.size() && words_.size() < limit; ++i) {
      const auto [node, at] = words_[i];
      if (!narrow(at)) continue;
      const Automaton::State& state = automaton_.states[at];
      for (int32_t e = state.bytes_begin; e < state.bytes_end; ++e) {
        const ByteEdge& edge = automaton_.bytes[e];
        for (int b = edge.first; b <= edge.last; ++b) {
          const int32_t child = trie.child(node, uint8_t(b));
          if (child < 0) continue;
          words_.emplace_back(child, edge.target);
          if (trie.depth(child) > 1 && !trie.tokens(child).empty()) into_[edge.target].push_back(s);
        }
      }
    }
  }

  void relax(int32_t state, int64_t tokens, int32_t depth) {
    Need& need = needs_[state];
    if (tokens >= Need::never || done_[state] ||
        std::tie(need.tokens, need.depth) <= std::tuple(int32_t(tokens), depth))
      return;
    need = {int32_t(tokens), depth};
    open_.emplace(need.tokens, depth, state);
  }

  void relax_call(int32_t source, const CallEdge& call) {
    const int32_t start = automaton_.starts[call.rule];
    if (!done_[start] || !done_[call.target]) return;
    int64_t tokens = int64_t(needs_[start].tokens) + needs_[call.target].tokens;
    if (automaton_.states[start].counted) tokens += spelling_.run_cost(call.min);
    relax(source, tokens, std::max(needs_[start].depth + 1, needs_[call.target].depth));
  }

  void settle(int32_t state) {
    for (const int32_t source : into_[state])
      relax(source, int64_t(needs_[state].tokens) + 1, needs_[state].depth);
    for (const auto& [source, call] : returning_[state]) relax_call(source, automaton_.calls[call]);
    const int32_t rule = automaton_.states[state].rule;
    if (automaton_.starts[rule] != state) return;
    for (const auto& [source, call] : calling_[rule]) relax_call(source, automaton_.calls[call]);
  }

  using Entry = std::tuple<int32_t, int32_t, int32_t>;
  const Automaton& automaton_;
  const Spelling& spelling_;
  Meter& meter_;
  std::vector<Need> needs_;
  std::vector<bool> done_;
  std::vector<std::vector<int32_t>> into_;
  std::vector<std::vector<std::pair<int32_t, int32_t>>> returning_, calling_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open_;
  std::vector<std::pair<int32_t, int32_t>> words_;
};

}  // namespace

bool Spelling::spells(uint8_t byte) const { return trie == nullptr || trie->spells(byte); }

bool Spelling::has_token(int32_t token) const {
  return trie == nullptr || (token >= 0 && token < trie->size());
}

int64_t Spelling::run_cost(int64_t chars) const {
  return trie == nullptr ? chars : trie->run_cost(chars);
}

std::vector<Need> min_tokens(const Automaton& automaton, const Spelling& spelling, Meter& meter) {
  return Search(automaton, spelling, meter).run();
}

}  // namespace deepseek::grammar
