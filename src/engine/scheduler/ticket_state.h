// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "engine/scheduler/ticket.h"

namespace deepseek {

/// Wakes the scheduler's worker; outlives it where tickets do.
class Doorbell {
 public:
  void ring();
  /// Waits until it rang since the last wait, or `until` has come.
  void wait();
  void wait_until(std::chrono::steady_clock::time_point until);

 private:
  std::mutex mutex_;
  std::condition_variable rang_;
  bool ringing_ = false;
};

/// What the worker and the reader of a request share.
struct Ticket::State {
  State(int64_t number, int64_t most_unread, std::shared_ptr<Doorbell> doorbell)
      : id(number), buffer_tokens(most_unread), worker(std::move(doorbell)) {}

  const int64_t id;
  const int64_t buffer_tokens;
  const std::shared_ptr<Doorbell> worker;
  std::atomic<bool> cancel{false};    // asked for
  std::atomic<bool> detached{false};  // nobody reads
  std::atomic<int64_t> unread_tokens{0};

  /// Worker's side.
  void push(TicketEvent event);
  bool full() const { return unread_tokens >= buffer_tokens; }
  bool half_empty() const { return unread_tokens <= buffer_tokens / 2; }

  /// Reader's side, under the mutex.
  std::optional<TicketEvent> take();

  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<TicketEvent> events;
  bool ended = false;  // Finished was taken
  std::function<void()> callback;
  std::mutex callback_mutex;  // held while the callback runs
};

}  // namespace deepseek
