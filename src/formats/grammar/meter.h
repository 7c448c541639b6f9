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

/// What the parts of matching cost, in steps of a budget.
namespace match_cost {
inline constexpr int64_t node = 2;     // of the vocabulary's trie
inline constexpr int64_t token = 2;    // put where tokens of as many characters are
inline constexpr int64_t byte = 2;     // read by a configuration
inline constexpr int64_t visit = 8;    // of a configuration
inline constexpr int64_t end = 8;      // a way to return from a rule
inline constexpr int64_t join = 6;     // of a caller with others
inline constexpr int64_t sort = 10;    // a configuration into its order
inline constexpr int64_t config = 12;  // in a set
inline constexpr int64_t row = 64;     // steps of a state or set, to be remembered
}  // namespace match_cost

/// Counts what a mask or an accepted token costs and refuses what exceeds `limit`. Most of what is
/// found is kept; who is spared work in this way is not allowed more than who has to do it.
class MatchMeter {
 public:
  explicit MatchMeter(int64_t limit) : limit_(limit) {}

  void begin() {
    before_ = kept_;
    steps_ = spared_ = 0;
  }
  void step(int64_t count) {
    steps_ += count;
    if (steps_ > limit_) exceeded();
  }
  /// Steps of which it is not known later who is spared them.
  void keep(int64_t count) {
    kept_ += count;
    step(count);
  }
  /// As many steps were taken earlier.
  void spare(int64_t count) { spared_ += count; }
  /// All that was kept is gone.
  void forget() { kept_ = 0; }

  /// Since begin().
  int64_t steps() const { return steps_; }
  /// Since begin(), without those in keep() and with those that were spared.
  int64_t unkept() const { return steps_ - (kept_ - before_) + spared_; }
  /// Certainly as many would have been allowed had nothing been found before begin().
  bool within() const { return steps_ + spared_ <= limit_ - before_; }

 private:
  [[noreturn]] void exceeded() const {
    fail(ErrorKind::invalid_input, "grammar: expected at most ", limit_,
         " steps to find the tokens that may come next, got more; choose a grammar with fewer ways "
         "to read the same text (budget: mask steps)");
  }

  int64_t limit_;
  int64_t kept_ = 0, before_ = 0, steps_ = 0, spared_ = 0;
};

/// Sums and products that stop at `unlimited`. The arguments must not be negative.
inline int64_t saturated_sum(int64_t a, int64_t b) { return a > unlimited - b ? unlimited : a + b; }
inline int64_t saturated_product(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  return a > unlimited / b ? unlimited : a * b;
}

}  // namespace deepseek::grammar
