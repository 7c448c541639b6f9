// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler/step_budget.h"

#include <algorithm>

#include "ops/cached_attention.h"

namespace deepseek {
namespace {

constexpr int64_t telling_rows = 16;  // fewer cost what any step costs

void follow(double& average, double value) {
  average = average == 0 ? value : 0.8 * average + 0.2 * value;
}

}  // namespace

int64_t StepBudget::prefill_rows(int64_t decode_rows) const {
  if (decode_rows == 0) return max_rows_;
  if (prefill_seconds_ == 0) return std::clamp<int64_t>(max_rows_ / 4, min_rows_, max_rows_);
  const double seconds = std::max(target_seconds_ - decode_seconds_, 2 * decode_seconds_);
  const double rows = std::min(seconds / prefill_seconds_, double(max_rows_));
  const auto whole = static_cast<int64_t>(rows) / tokens_per_page * tokens_per_page;
  return std::max(min_rows_, whole);
}

void StepBudget::took(double seconds, int64_t decode_rows, int64_t prefill_rows) {
  if (seconds <= 0) return;
  follow(rows_per_second_, double(decode_rows + prefill_rows) / seconds);
  if (prefill_rows == 0)
    follow(decode_seconds_, seconds);
  else if (const double rest = seconds - (decode_rows > 0 ? decode_seconds_ : 0);
           rest > 0 && prefill_rows >= std::min(telling_rows, min_rows_))
    follow(prefill_seconds_, rest / double(prefill_rows));
}

}  // namespace deepseek
