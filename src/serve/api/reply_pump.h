// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include "engine/scheduler/ticket.h"

namespace deepseek::serve {

/// What takes the events of one request. Calls come one at a time, from a thread of the pump.
class ReplySession {
 public:
  virtual ~ReplySession() = default;
  virtual void event(const TicketEvent& event) = 0;
  /// event() threw: none follows, and the ticket is cancelled.
  virtual void failed(const std::exception_ptr& failure) = 0;
  /// False: no further events until wake() is called.
  virtual bool ready() { return true; }

 private:
  friend class ReplyPump;
  std::optional<Ticket> ticket_;
  std::mutex mutex_;
  bool over_ = false;
};

/// Carries events from tickets to sessions, so that neither the scheduler's thread nor a waiting
/// thread for each request has to.
class ReplyPump {
 public:
  explicit ReplyPump(int threads = 2);
  /// Stops; sessions that are left are dropped, which cancels their tickets.
  ~ReplyPump();
  ReplyPump(const ReplyPump&) = delete;
  ReplyPump& operator=(const ReplyPump&) = delete;

  /// Carries nothing more, and drops what is left, which cancels it.
  void stop();

  /// Takes over the ticket; the session lives until its last event was taken.
  void run(const std::shared_ptr<ReplySession>& session, Ticket ticket);
  /// The session can take events again, or its ticket has some.
  void wake(std::shared_ptr<ReplySession> session);
  /// Asks for an end of the session's request.
  static void cancel(ReplySession& session);

 private:
  void work();
  void drain(const std::shared_ptr<ReplySession>& session);
  void end(const std::shared_ptr<ReplySession>& session);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<ReplySession>> queue_;
  std::unordered_set<std::shared_ptr<ReplySession>> live_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace deepseek::serve
