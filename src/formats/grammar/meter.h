// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "formats/grammar/grammar.h"

namespace deepseek::grammar {

/// Counts what constructions cost and refuses what exceeds the budget.
class Meter {
 public:
  explicit Meter(const Budget& budget) : budget_(budget) {}
  const Budget& budget() const { return budget_; }

  void step(int64_t count = 1) {
    steps_ += count;
    if (steps_ > budget_.steps) exceeded("steps", steps_, budget_.steps);
  }
  /// `count` more states exist.
  void state(int64_t count = 1) {
    states_ += count;
    if (states_ > budget_.states) exceeded("states", states_, budget_.states);
  }
  /// States that were only a means are gone.
  void forget_states(int64_t count) { states_ -= count; }
  /// `count` states are about to be needed at once.
  void check_states(int64_t count) const {
    if (count > budget_.states) exceeded("states", count, budget_.states);
  }
  void check_depth(int64_t depth) const {
    if (depth > budget_.depth) exceeded("depth", depth, budget_.depth);
  }
  void check_source(std::string_view text) const {
    if (int64_t(text.size()) > budget_.source_bytes)
      exceeded("source bytes", int64_t(text.size()), budget_.source_bytes);
  }
  [[noreturn]] static void exceeded(std::string_view what, int64_t needed, int64_t limit) {
    fail(ErrorKind::invalid_input, "grammar: expected at most ", limit, " ", what, ", got ",
         needed == unlimited ? std::string("far more") : concat(needed),
         "; simplify the schema, expression or grammar (budget: ", what, ")");
  }

 private:
  Budget budget_;
  int64_t steps_ = 0, states_ = 0;
};

/// Sums and products that stop at `unlimited`. The arguments must not be negative.
inline int64_t saturated_sum(int64_t a, int64_t b) { return a > unlimited - b ? unlimited : a + b; }
inline int64_t saturated_product(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  return a > unlimited / b ? unlimited : a * b;
}

}  // namespace deepseek::grammar
