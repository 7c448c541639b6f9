// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek {

/// How many rows of prompts a step may carry. Beside decoding, as many as keep the step within a
/// target time, from how long steps took so far, or where decoding alone takes that long, as many
/// as make it three times as long: prompts then still get most of the machine. Never fewer than
/// `min_rows`, though the step takes longer. Alone, as many as are worth it.
class StepBudget {
 public:
  StepBudget(int64_t min_rows, int64_t max_rows, double target_seconds)
      : min_rows_(min_rows), max_rows_(max_rows), target_seconds_(target_seconds) {}

  int64_t prefill_rows(int64_t decode_rows) const;
  /// A step took so long.
  void took(double seconds, int64_t decode_rows, int64_t prefill_rows);

  /// Rows of any kind a second, lately; 0 before the first step.
  double rows_per_second() const { return rows_per_second_; }

 private:
  int64_t min_rows_, max_rows_;
  double target_seconds_;
  double decode_seconds_ = 0;   // of a step without prefill
  double prefill_seconds_ = 0;  // that one row of a prompt adds
  double rows_per_second_ = 0;
};

}  // namespace deepseek
