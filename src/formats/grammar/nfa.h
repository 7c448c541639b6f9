// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/grammar/builder_parts.h"

namespace deepseek::grammar {

/// An automaton with free choices: what a node becomes before it is made deterministic. State 0 is
/// the start, state 1 the end.
struct Nfa {
  struct State {
    std::vector<int32_t> jumps;  // without reading anything
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    std::vector<SymbolEdge> symbols;
  };
  std::vector<State> states;
};

Nfa nfa_of(Builder::Parts& parts, Node node);
Dfa determinise(const Nfa& nfa, Meter& meter);

}  // namespace deepseek::grammar
