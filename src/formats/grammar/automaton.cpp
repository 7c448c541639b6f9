// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/automaton.h"

#include <algorithm>

namespace deepseek::grammar {

int32_t Automaton::target(int32_t state, uint8_t byte) const {
  const auto begin = bytes.begin() + states[state].bytes_begin;
  const auto end = bytes.begin() + states[state].bytes_end;
  const auto at =
      std::partition_point(begin, end, [&](const ByteEdge& edge) { return edge.last < byte; });
  return at != end && at->first <= byte ? at->target : -1;
}

void Automaton::append(const Dfa& dfa, std::string name) {
  const int32_t base = int32_t(states.size()), rule = int32_t(starts.size());
  starts.push_back(base);
  rule_names.push_back(std::move(name));
  rule_regular.push_back(dfa.regular());
  const auto copy = [&](const auto& from, auto& to) {
    for (auto edge : from) {
      edge.target += base;
      to.push_back(edge);
    }
  };
  for (size_t i = 0; i < dfa.states.size(); ++i) {
    const Dfa::State& from = dfa.states[i];
    State state{};
    state.bytes_begin = int32_t(bytes.size());
    state.calls_begin = int32_t(calls.size());
    state.symbols_begin = int32_t(symbols.size());
    copy(from.bytes, bytes);
    copy(from.calls, calls);
    copy(from.symbols, symbols);
    state.bytes_end = int32_t(bytes.size());
    state.calls_end = int32_t(calls.size());
    state.symbols_end = int32_t(symbols.size());
    state.rule = rule;
    state.accepting = from.accepting;
    state.counted = int32_t(i) == dfa.counted;
    state.leaf = from.accepting && from.bytes.empty() && from.calls.empty() && from.symbols.empty();
    states.push_back(state);
  }
}

namespace {

/// Per rule, whether the empty text is one of its sentences.
std::vector<bool> nullable_rules(const Automaton& automaton) {
  const size_t rules = automaton.starts.size();
  // empty[s]: from s the end of the rule is reached without a byte. Worklist over reversed calls.
  std::vector<bool> empty(automaton.states.size()), nullable(rules);
  std::vector<std::vector<std::pair<int32_t, int32_t>>> into(automaton.states.size()),
      calling(rules);  // (source, call)
  std::vector<int32_t> open;
  const auto reach = [&](int32_t state) {
    if (empty[state]) return;
    empty[state] = true;
    open.push_back(state);
  };
  for (size_t s = 0; s < automaton.states.size(); ++s) {
    const Automaton::State& state = automaton.states[s];
    for (int32_t c = state.calls_begin; c < state.calls_end; ++c) {
      into[automaton.calls[c].target].emplace_back(int32_t(s), c);
      calling[automaton.calls[c].rule].emplace_back(int32_t(s), c);
    }
    if (state.accepting) reach(int32_t(s));
  }
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    for (const auto& [source, call] : into[at])
      if (nullable[automaton.calls[call].rule]) reach(source);
    const int32_t rule = automaton.states[at].rule;
    if (automaton.starts[rule] != at || nullable[rule]) continue;
    nullable[rule] = true;
    for (const auto& [source, call] : calling[rule])
      if (empty[automaton.calls[call].target]) reach(source);
  }
  return nullable;
}

}  // namespace

void check_left_recursion(const Automaton& automaton) {
  const size_t rules = automaton.starts.size();
  const std::vector<bool> nullable = nullable_rules(automaton);
  std::vector<std::vector<int32_t>> first(rules);  // rules that a rule can begin with
  std::vector<int32_t> seen(automaton.states.size(), -1), open;
  for (size_t rule = 0; rule < rules; ++rule) {
    open.push_back(automaton.starts[rule]);
    seen[automaton.starts[rule]] = int32_t(rule);
    while (!open.empty()) {
      const Automaton::State& state = automaton.states[open.back()];
      open.pop_back();
      for (int32_t c = state.calls_begin; c < state.calls_end; ++c) {
        const CallEdge& call = automaton.calls[c];
        first[rule].push_back(call.rule);
        if (nullable[call.rule] && seen[call.target] != int32_t(rule)) {
          seen[call.target] = int32_t(rule);
          open.push_back(call.target);
        }
      }
    }
  }
  std::vector<uint8_t> color(rules);  // 1: on the path, 2: done
  for (size_t root = 0; root < rules; ++root) {
    if (color[root] != 0) continue;
    std::vector<std::pair<int32_t, size_t>> path{{int32_t(root), 0}};
    color[root] = 1;
    while (!path.empty()) {
      auto& [rule, next] = path.back();
      if (next == first[rule].size()) {
        color[rule] = 2;
        path.pop_back();
        continue;
      }
      const int32_t callee = first[rule][next++];
      if (color[callee] == 1)
        fail(ErrorKind::invalid_input, "grammar: rule ", printable(automaton.rule_names[callee]),
             ": expected something before it refers to itself, got left recursion; write it as a "
             "repetition");
      if (color[callee] == 0) {
        color[callee] = 1;
        path.emplace_back(callee, 0);
      }
    }
  }
}

}  // namespace deepseek::grammar
