// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "engine/continuation.h"
#include "engine/scheduler/request.h"
#include "engine/scheduler/ticket.h"

namespace deepseek {

/// Counts since the start, and how things stand after the last step.
struct SchedulerStatistics {
  // Now.
  int64_t running_requests = 0, waiting_requests = 0;
  int64_t running_sequences = 0, waiting_tokens = 0;
  int64_t total_pages = 0, used_pages = 0;  // used by sequences
  int64_t cached_pages = 0;                 // held for reuse and free to be taken
  int64_t disk_bytes = 0, disk_pages = 0;
  bool disk_on = false;
  double kv_usage = 0;  // used_pages / total_pages

  // Since the start.
  int64_t submitted = 0, refused = 0;
  std::array<int64_t, 5> finished_choices{};  // by FinishReason
  int64_t prompt_tokens = 0, generation_tokens = 0;
  int64_t computed_tokens = 0;  // rows that went through the model
  int64_t prefix_query_tokens = 0, prefix_memory_hit_tokens = 0, prefix_disk_hit_tokens = 0;
  int64_t preemptions = 0;
  int64_t steps = 0;
  double model_seconds = 0;  // of the steps, within the model
  double step_seconds = 0;   // of the steps, all

  // Last step.
  double last_step_seconds = 0;
  int64_t last_step_decode_rows = 0, last_step_prefill_rows = 0;
};

/// Of the prefix cache. The disk is asked for what memory has not.
enum class CacheTier { memory, disk };

/// Told what happens, when it does. Calls come from the scheduler's thread and must be quick.
class SchedulerObserver {
 public:
  virtual ~SchedulerObserver() = default;
  virtual void step(double /*seconds*/, int64_t /*decode_rows*/, int64_t /*prefill_rows*/) {}
  virtual void queued(double /*seconds*/) {}       // until the prompt began
  virtual void first_token(double /*seconds*/) {}  // since submission
  virtual void inter_token(double /*seconds*/) {}  // between two tokens of a choice
  /// So many tokens of a prompt were looked for in the prefix cache, once a request, or found.
  virtual void looked_up(CacheTier /*tier*/, int64_t /*tokens*/) {}
  virtual void found(CacheTier /*tier*/, int64_t /*tokens*/) {}
  virtual void preempted() {}
  /// The balance of a layer's experts over the window that has just become full (expert_load.h).
  virtual void expert_load(int64_t /*layer*/, double /*max_violation*/) {}
  /// A request ended. `reason` is that of its first choice.
  virtual void finished(const std::string& /*tenant*/, const Usage& /*usage*/,
                        const Timings& /*timings*/, FinishReason /*reason*/) {}
};

}  // namespace deepseek
