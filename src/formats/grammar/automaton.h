// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/grammar/meter.h"

namespace deepseek::grammar {

struct ByteEdge {
  uint8_t first, last;
  int32_t target;
  bool operator==(const ByteEdge&) const = default;
};

inline constexpr int32_t no_limit = std::numeric_limits<int32_t>::max();

/// Reads a sentence of `rule`, then goes on at `target`. min and max bound how often the counted
/// state of the rule is entered; rules without one ignore them.
struct CallEdge {
  int32_t rule, min, max, target;
  bool operator==(const CallEdge&) const = default;
};

struct SymbolEdge {
  int32_t token, target;
  bool operator==(const SymbolEdge&) const = default;
};

/// An automaton over bytes, rules and special tokens, deterministic in each of the three: state 0
/// is the start, edges of bytes are sorted and disjoint.
struct Dfa {
  struct State {
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    std::vector<SymbolEdge> symbols;
    bool accepting = false;
  };
  std::vector<State> states;
  /// The state that a counted text enters after each character, -1 if this is none. Such an
  /// automaton has bytes alone; the counted state is the start and has one edge out of the loop.
  int32_t counted = -1;

  bool regular() const;
};

/// The target of a byte, or -1.
int32_t target_of(const std::vector<ByteEdge>& edges, uint8_t byte);

/// Drops states that lead to no accepting one, or that are not reached. Keeps the start.
void trim(Dfa& dfa);
/// Joins equal states; the automaton must have no cycle.
void minimise_acyclic(Dfa& dfa);

/// Texts that `a` accepts and that `b` accepts (`both`) or does not. Regular automata only.
Dfa product(const Dfa& a, const Dfa& b, bool both, Meter& meter);

/// All rules of a grammar in flat arrays. States of rule r begin at starts[r].
struct Automaton {
  struct State {
    int32_t bytes_begin, bytes_end, calls_begin, calls_end, symbols_begin, symbols_end;
    int32_t rule;
    bool accepting;
    bool counted;
    bool leaf;  // accepting, without edges: a call that ends here needs no frame
  };
  std::vector<State> states;
  std::vector<ByteEdge> bytes;
  std::vector<CallEdge> calls;
  std::vector<SymbolEdge> symbols;
  std::vector<int32_t> starts;
  std::vector<std::string> rule_names;
  std::vector<bool> rule_regular;  // bytes alone

  int32_t target(int32_t state, uint8_t byte) const;
  void append(const Dfa& dfa, std::string name);
};

/// Throws invalid_input naming a rule that can begin with itself.
void check_left_recursion(const Automaton& automaton);

}  // namespace deepseek::grammar
