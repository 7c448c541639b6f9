// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "formats/grammar/automaton.h"
#include "formats/grammar/char_set.h"
#include "formats/grammar/meter.h"

namespace deepseek::grammar {

enum class NodeKind : uint8_t {
  literal,
  chars,
  symbol,
  sequence,
  choice,
  repeat,
  joined,
  dfa,
  call
};

/// One expression. Children are other nodes, so expressions may share parts.
struct NodeData {
  NodeKind kind;
  bool regular = true;  // no calls, no special tokens
  bool finite = true;   // no unbounded repetition
  int64_t size = 1;     // states that its automaton takes before it is made deterministic
  int64_t depth = 1;
  std::string text = {};                // literal
  std::vector<ByteRanges> ranges = {};  // chars
  std::vector<int32_t> children = {};
  std::vector<JoinedItem> items = {};
  int64_t min = 0, max = unlimited;  // repeat; call of a counted text
  int32_t target = -1;               // symbol: token; dfa, call: index
};

struct RuleData {
  std::string name;
  Node body;            // undefined: -1
  int8_t inlined = -1;  // unknown; no, yes
};

struct Builder::Parts {
  explicit Parts(const Budget& budget) : meter(budget) {}

  Node add(NodeData node);
  const NodeData& at(Node node) const { return nodes[node.id]; }
  Node chars(const CharSet& set);
  Node dfa(Dfa dfa, bool finite = false);
  Node call(Rule rule, int64_t min, int64_t max);

  /// The deterministic automaton of a node.
  Dfa determinise(Node node);
  /// Whether calls of a rule are replaced by its body.
  bool inlined(int32_t rule, int nesting = 0);

  Meter meter;
  std::vector<NodeData> nodes;
  std::vector<Dfa> dfas;
  std::vector<RuleData> rules;
  /// What the front ends share within a builder, by a name of their own.
  std::map<std::string, Node, std::less<>> shared;
};

}  // namespace deepseek::grammar
