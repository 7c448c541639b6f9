// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <unordered_map>

#include "formats/grammar/automaton.h"

namespace deepseek::grammar {
namespace {

template <class Visit>
void for_each_target(const Dfa::State& state, Visit visit) {
  for (const ByteEdge& edge : state.bytes) visit(edge.target);
  for (const CallEdge& edge : state.calls) visit(edge.target);
  for (const SymbolEdge& edge : state.symbols) visit(edge.target);
}

/// Renumbers states; those mapped to -1 and the edges to them go.
void renumber(Dfa& dfa, const std::vector<int32_t>& place, int32_t count) {
  std::vector<Dfa::State> states(count);
  for (size_t i = 0; i < dfa.states.size(); ++i) {
    if (place[i] < 0) continue;
    Dfa::State& state = dfa.states[i];
    const auto move = [&](auto& edges) {
      std::erase_if(edges, [&](const auto& edge) { return place[edge.target] < 0; });
      for (auto& edge : edges) edge.target = place[edge.target];
    };
    move(state.bytes);
    move(state.calls);
    move(state.symbols);
    states[place[i]] = std::move(state);
  }
  dfa.states = std::move(states);
  if (dfa.counted >= 0) dfa.counted = place[dfa.counted];
}

}  // namespace

bool Dfa::regular() const {
  return std::all_of(states.begin(), states.end(), [](const State& state) {
    return state.calls.empty() && state.symbols.empty();
  });
}

int32_t target_of(const std::vector<ByteEdge>& edges, uint8_t byte) {
  const auto at = std::partition_point(edges.begin(), edges.end(),
                                       [&](const ByteEdge& edge) { return edge.last < byte; });
  return at != edges.end() && at->first <= byte ? at->target : -1;
}

void trim(Dfa& dfa) {
  const size_t count = dfa.states.size();
  std::vector<std::vector<int32_t>> sources(count);
  for (size_t i = 0; i < count; ++i)
    for_each_target(dfa.states[i], [&](int32_t target) { sources[target].push_back(int32_t(i)); });
  std::vector<bool> useful(count), reached(count);
  std::vector<int32_t> open;
  for (size_t i = 0; i < count; ++i) {
    if (dfa.states[i].accepting) {
      useful[i] = true;
      open.push_back(int32_t(i));
    }
  }
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    for (const int32_t source : sources[at]) {
      if (!useful[source]) {
        useful[source] = true;
        open.push_back(source);
      }
    }
  }
  reached[0] = true;
  open.push_back(0);
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    for_each_target(dfa.states[at], [&](int32_t target) {
      if (useful[target] && !reached[target]) {
        reached[target] = true;
        open.push_back(target);
      }
    });
  }
  std::vector<int32_t> place(count, -1);
  int32_t next = 0;
  for (size_t i = 0; i < count; ++i)
    if (i == 0 || (useful[i] && reached[i])) place[i] = next++;
  renumber(dfa, place, next);
}

void minimise_acyclic(Dfa& dfa) {
  // Depth-first order without recursion: children first.
  const size_t count = dfa.states.size();
  std::vector<int32_t> order;
  std::vector<uint8_t> seen(count);
  std::vector<std::pair<int32_t, size_t>> path{{0, 0}};
  seen[0] = 1;
  while (!path.empty()) {
    auto& [at, edge] = path.back();
    const std::vector<ByteEdge>& edges = dfa.states[at].bytes;
    if (edge == edges.size()) {
      order.push_back(at);
      path.pop_back();
      continue;
    }
    const int32_t target = edges[edge++].target;
    if (!seen[target]) {
      seen[target] = 1;
      path.emplace_back(target, 0);
    }
  }
  std::map<std::vector<int32_t>, int32_t> known;
  std::vector<int32_t> same(count, -1);
  for (const int32_t at : order) {
    std::vector<int32_t> key{dfa.states[at].accepting};
    for (ByteEdge& edge : dfa.states[at].bytes) {
      edge.target = same[edge.target];
      key.insert(key.end(), {edge.first, edge.last, edge.target});
    }
    same[at] = known.emplace(std::move(key), at).first->second;
  }
  trim(dfa);  // the start is last in the order, so it stands for itself
}

Dfa product(const Dfa& a, const Dfa& b, bool both, Meter& meter) {
  Dfa result;
  std::unordered_map<uint64_t, int32_t> known;
  std::vector<std::pair<int32_t, int32_t>> pairs;
  const auto intern = [&](int32_t x, int32_t y) {
    const auto [at, fresh] =
        known.emplace(uint64_t(uint32_t(x)) << 32 | uint32_t(y), int32_t(pairs.size()));
    if (fresh) {
      meter.state();
      pairs.emplace_back(x, y);
    }
    return at->second;
  };
  intern(0, 0);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto [x, y] = pairs[i];
    Dfa::State state;
    const bool in_b = y >= 0 && b.states[y].accepting;
    state.accepting = a.states[x].accepting && in_b == both;
    static const std::vector<ByteEdge> none;
    const std::vector<ByteEdge>& others = y >= 0 ? b.states[y].bytes : none;
    size_t other = 0;
    const auto add = [&](int first, int last, int32_t target_a, int32_t target_b) {
      meter.step();
      if (target_b < 0 && both) return;
      state.bytes.push_back({uint8_t(first), uint8_t(last), intern(target_a, target_b)});
    };
    for (const ByteEdge& edge : a.states[x].bytes) {
      int at = edge.first;
      while (other < others.size() && others[other].last < at) ++other;
      for (size_t k = other; at <= edge.last; ++k) {
        if (k == others.size() || others[k].first > edge.last) {
          add(at, edge.last, edge.target, -1);
          break;
        }
        if (others[k].first > at) {
          add(at, others[k].first - 1, edge.target, -1);
          at = others[k].first;
        }
        const int last = std::min<int>(edge.last, others[k].last);
        add(at, last, edge.target, others[k].target);
        at = last + 1;
      }
    }
    result.states.push_back(std::move(state));
  }
  meter.forget_states(int64_t(pairs.size()));
  trim(result);
  return result;
}

}  // namespace deepseek::grammar
