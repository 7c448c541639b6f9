// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/nfa.h"

namespace deepseek::grammar {
namespace {

/// Lays the automata of nodes between two states. No part adds an edge into its `from` or out of
/// its `to`, so alternatives may share both.
class Layer {
 public:
  explicit Layer(Builder::Parts& parts) : parts_(parts) {
    fresh();
    fresh();
  }
  Nfa take() { return std::move(nfa_); }

  void lay(Node node, int32_t from, int32_t to) {
    parts_.meter.step();
    const NodeData& data = parts_.at(node);
    switch (data.kind) {
      case NodeKind::literal:
        return lay_literal(data.text, from, to);
      case NodeKind::chars:
        return lay_chars(data.ranges, from, to);
      case NodeKind::symbol:
        nfa_.states[from].symbols.push_back({data.target, to});
        return;
      case NodeKind::sequence:
        return lay_sequence(data, from, to);
      case NodeKind::choice:
        for (const int32_t child : data.children) lay({child}, from, to);
        return;
      case NodeKind::repeat:
        return lay_repeat(data, from, to);
      case NodeKind::joined:
        return lay_joined(data, from, to);
      case NodeKind::dfa:
        return lay_dfa(parts_.dfas[data.target], from, to);
      case NodeKind::call:
        return lay_call(data, from, to);
    }
  }

 private:
  int32_t fresh() {
    parts_.meter.state();
    nfa_.states.emplace_back();
    return int32_t(nfa_.states.size()) - 1;
  }
  void jump(int32_t from, int32_t to) { nfa_.states[from].jumps.push_back(to); }
  void byte(int32_t from, uint8_t first, uint8_t last, int32_t to) {
    nfa_.states[from].bytes.push_back({first, last, to});
  }

  void lay_literal(const std::string& text, int32_t from, int32_t to) {
    if (text.empty()) return jump(from, to);
    for (size_t i = 0; i < text.size(); ++i) {
      const int32_t next = i + 1 == text.size() ? to : fresh();
      byte(from, uint8_t(text[i]), uint8_t(text[i]), next);
      from = next;
    }
  }

  void lay_chars(const std::vector<ByteRanges>& ranges, int32_t from, int32_t to) {
    for (const ByteRanges& range : ranges) {
      int32_t at = from;
      for (int i = 0; i < range.size; ++i) {
        const int32_t next = i + 1 == range.size ? to : fresh();
        byte(at, range.first[i], range.last[i], next);
        at = next;
      }
    }
  }

  void lay_sequence(const NodeData& data, int32_t from, int32_t to) {
    if (data.children.empty()) return jump(from, to);
    for (size_t i = 0; i < data.children.size(); ++i) {
      const int32_t next = i + 1 == data.children.size() ? to : fresh();
      lay({data.children[i]}, from, next);
      from = next;
    }
  }

  void lay_repeat(const NodeData& data, int32_t from, int32_t to) {
    const Node item{data.children[0]};
    int32_t at = fresh();
    jump(from, at);
    for (int64_t i = 0; i < data.min; ++i) {
      const int32_t next = fresh();
      lay(item, at, next);
      at = next;
    }
    if (data.max == unlimited) {
      const int32_t loop = fresh(), back = fresh();
      jump(at, loop);
      lay(item, loop, back);
      jump(back, loop);
      return jump(loop, to);
    }
    for (int64_t i = data.min; i < data.max; ++i) {
      jump(at, to);
      const int32_t next = fresh();
      lay(item, at, next);
      at = next;
    }
    jump(at, to);
  }

  /// Two rows of states: nothing written yet, something written. Each item is laid once, from the
  /// first row directly and from the second behind a separator.
  void lay_joined(const NodeData& data, int32_t from, int32_t to) {
    const Node separator{data.children[0]};
    int32_t none = fresh(), some = fresh();
    bool none_possible = true;
    jump(from, none);
    for (const JoinedItem& item : data.items) {
      const int32_t begin = fresh(), end = fresh(), next_none = fresh(), next_some = fresh();
      if (none_possible) jump(none, begin);
      lay(separator, some, begin);
      lay(item.node, begin, end);
      jump(end, next_some);
      if (item.repeats) lay(separator, end, begin);
      if (!item.required) {
        jump(some, next_some);
        if (none_possible) jump(none, next_none);
      } else {
        none_possible = false;
      }
      none = next_none;
      some = next_some;
    }
    jump(some, to);
    if (none_possible) jump(none, to);
  }

  void lay_dfa(const Dfa& dfa, int32_t from, int32_t to) {
    const int32_t base = int32_t(nfa_.states.size());
    for (size_t i = 0; i < dfa.states.size(); ++i) fresh();
    jump(from, base);
    for (size_t i = 0; i < dfa.states.size(); ++i) {
      parts_.meter.step(int64_t(dfa.states[i].bytes.size()));
      for (const ByteEdge& edge : dfa.states[i].bytes)
        byte(base + int32_t(i), edge.first, edge.last, base + edge.target);
      if (dfa.states[i].accepting) jump(base + int32_t(i), to);
    }
  }

  void lay_call(const NodeData& data, int32_t from, int32_t to) {
    if (parts_.inlined(data.target)) return lay(parts_.rules[data.target].body, from, to);
    const auto bounded = [](int64_t n) { return int32_t(std::min<int64_t>(n, no_limit)); };
    nfa_.states[from].calls.push_back({data.target, bounded(data.min), bounded(data.max), to});
  }

  Builder::Parts& parts_;
  Nfa nfa_;
};

}  // namespace

Nfa nfa_of(Builder::Parts& parts, Node node) {
  Layer layer(parts);
  layer.lay(node, 0, 1);
  return layer.take();
}

}  // namespace deepseek::grammar
