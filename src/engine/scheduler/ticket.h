// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "engine/continuation.h"

namespace deepseek {

/// Requests that will be computed before this one, in its class and tenant's turn: an estimate.
struct QueuePosition {
  int64_t ahead = 0;
};

/// How far the prompt is. `cached` tokens were found, not computed; processed includes them.
struct PrefillProgress {
  int64_t total = 0, cached = 0, processed = 0;
  double time_ms = 0;  // since the request was submitted
};

/// Log-probabilities of tokens `first` and following of the prompt; the prompt's first token has
/// none. Pieces come in order and before the first Delta.
struct PromptLogprobs {
  int64_t first = 0;
  std::vector<std::optional<Logprobs>> logprobs;
};

/// What a choice has more. A token's text may come with a later token, when it held half a
/// character or what could have become a stop string.
struct Delta {
  size_t choice = 0;
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<Logprobs> logprobs;  // one a token, when asked for
  bool thinking = false;           // the tokens are reasoning or a marker of it
};

/// A choice has ended; nothing more of it comes.
struct ChoiceFinished {
  size_t choice = 0;
  FinishReason reason = FinishReason::stop;
  std::optional<size_t> stop_string;          // index of the one that matched
  std::optional<int32_t> end_token;           // the token that ended it
  std::optional<Logprobs> end_logprobs = {};  // of that token, when asked for
  int64_t tokens = 0, reasoning_tokens = 0;
  double cumulative_logprob = 0;  // with logprobs
};

struct Embedding {
  std::vector<float> values;  // [hidden], not normalised
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;       // of the prompt, found in memory or on disk
  int64_t disk_cached_tokens = 0;  // those of them that came from disk
  int64_t completion_tokens = 0;   // of all choices
  int64_t reasoning_tokens = 0;
};

struct Timings {
  double queue_ms = 0;        // until the prompt began to be computed
  double prefill_ms = 0;      // from there to the first token
  double decode_ms = 0;       // from there to the end
  double first_token_ms = 0;  // since submission; 0 when there was none
  double total_ms = 0;
  int64_t preemptions = 0;
};

/// How far a request was when one of its deadlines passed.
enum class LateIn {
  queue,   // nothing of it was computed
  prompt,  // its first token had not come
  answer
};

/// The last event of every ticket.
struct Finished {
  Usage usage;
  Timings timings;
  /// Set when a failure ended the request: what it was, fit to be shown.
  std::optional<Error> error;
  std::optional<LateIn> late = {};  // beside the error, when that is a deadline
};

using TicketEvent = std::variant<QueuePosition, PrefillProgress, PromptLogprobs, Delta,
                                 ChoiceFinished, Embedding, Finished>;

/// The reader's end of a submitted request. Events wait in a bounded buffer: when it is full the
/// request's sequences pause, and go on once half of it was read; other requests are not held up.
/// Any thread may use it, one at a time; destroying it cancels what is not finished.
class Ticket {
 public:
  Ticket(Ticket&&) noexcept;
  Ticket& operator=(Ticket&&) noexcept;
  ~Ticket();

  int64_t id() const;

  /// The next event; waits for it. Nothing after Finished was taken.
  std::optional<TicketEvent> next();
  /// As next, but nothing also when `timeout` passes first; ended() tells which.
  std::optional<TicketEvent> next_for(std::chrono::milliseconds timeout);
  /// The next event if there is one.
  std::optional<TicketEvent> poll();
  /// Finished was taken.
  bool ended() const;

  /// Called whenever events came into an empty buffer, from the thread that made them and at once
  /// if there are some now. It must be quick and must not throw or call the scheduler: post to an
  /// executor, there poll until nothing comes. Empty: none. When this returns, no call of an
  /// earlier callback is under way.
  void on_ready(std::function<void()> callback);

  /// Asks for an end. Within one step its pages are free and ChoiceFinished (cancelled) and
  /// Finished with what was used until then come, however full the buffer. Any thread, any time.
  void cancel();

  struct State;

 private:
  friend class Scheduler;
  explicit Ticket(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace deepseek
