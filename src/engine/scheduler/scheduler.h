// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "core/progress.h"
#include "engine/engine.h"
#include "engine/scheduler/request.h"
#include "engine/scheduler/statistics.h"
#include "engine/scheduler/ticket.h"
#include "formats/tokenizer.h"

namespace deepseek {

class TextModel;

/// Where cached pages go that memory has no room for, and from where they come back after a
/// restart.
struct DiskTierOptions {
  std::filesystem::path folder;
  int64_t max_bytes = int64_t{8} << 30;
};

struct SchedulerOptions {
  int64_t max_running = 32;  // sequences in a step at most
  int64_t max_waiting_requests = 256;
  int64_t max_waiting_tokens = int64_t{1} << 20;  // prompts and what they may ask for, see below
  /// Of what a waiting request may still generate, so many tokens a choice count as waiting.
  int64_t counted_output_tokens = 256;

  int64_t max_prefill_rows = 512;  // in a step
  int64_t min_prefill_rows = 64;   // beside decoding, however slow steps are
  /// How long a step should take that carries more prefill than that beside decoding, or thrice as
  /// long as decoding alone: bounds the time between tokens where that many rows take less.
  std::chrono::milliseconds target_step{150};

  int64_t batch_rows_beside_interactive = 4;
  std::chrono::seconds batch_patience{60};  // batch work that waited so long counts as interactive

  int64_t buffer_tokens = 512;  // unread tokens after which a request pauses

  bool prefix_cache = true;
  std::optional<DiskTierOptions> disk;

  std::shared_ptr<SchedulerObserver> observer;
  NoticeSink notice;  // called from any thread

  /// For tests: the time, and no thread of its own, so that step() is called by hand.
  std::function<std::chrono::steady_clock::time_point()> clock;
  bool own_thread = true;
};

/// Why a request was not taken: come back later.
struct Busy {
  std::string reason;
  std::chrono::milliseconds retry_after{1000};  // measured: when there should be room again
  bool draining = false;                        // it will not get better here
};

/// Runs the requests of many clients through one model. Every step is one flat batch: a row for
/// each answer that is being written and chunks of prompts. What a request is answered depends on
/// the request alone, never on what else runs, what was cached, or what was pre-empted.
///
/// Fairness: a tenant's virtual time advances by the tokens computed for it over its weight; the
/// tenant with the least goes first, its requests in order of arrival. A tenant that has a
/// name may wait with at most four times of what the queue has left: others always find room.
class Scheduler {
 public:
  /// What requests are run on. Nothing else may use the engine while a scheduler has it.
  struct Model {
    Engine* engine = nullptr;
    const Tokenizer* tokenizer = nullptr;  // null: answers have no text
    std::set<int32_t> end_tokens = {};
    int64_t context_length = 0;
    /// Tells apart models, adapters and arithmetic whose cached pages must not be mixed.
    std::string fingerprint = {};
  };

  /// The model must outlive it. Throws invalid_input for options out of range.
  Scheduler(TextModel& model, const SchedulerOptions& options);
  Scheduler(const Model& model, const SchedulerOptions& options);
  /// Cancels what still runs, and waits until the disk has what it was given.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Any thread. Throws invalid_input naming the field when the request cannot be run at all: an
  /// empty prompt, ids outside the vocabulary, a value out of range, a prompt over the context.
  std::variant<Ticket, Busy> submit(GenerateRequest request);
  std::variant<Ticket, Busy> submit(EmbedRequest request);

  /// Any thread. What submit would answer a request of this tenant now that is counted with so many
  /// tokens: to be asked before a request costs anything. Nothing: there is room.
  std::optional<Busy> busy(const std::string& tenant, int64_t tokens = 0);

  /// Any thread.
  SchedulerStatistics statistics() const;
  /// Nothing runs or waits.
  bool idle() const;
  /// When a step last completed, work last came to an idle scheduler, or the worker last found that
  /// all there is waits for its readers: with work queued and this long ago, it is stuck.
  std::chrono::steady_clock::time_point last_progress() const;

  /// Refuses new requests from now on, waits until all are answered or `grace` has passed, then
  /// ends the rest with an error event. True when none had to be ended.
  bool drain(std::chrono::milliseconds grace);
  bool draining() const;

  /// One round of the worker; false when there was nothing to do. Only without own_thread.
  bool step();

  /// What replies carry as the system's fingerprint: the model, how its cache and arithmetic are
  /// set up, and the instruction set.
  const std::string& fingerprint() const;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace deepseek
