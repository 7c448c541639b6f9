// SPDX-License-Identifier: Apache-2.0
#include "serve/api/reply_pump.h"

namespace deepseek::serve {

ReplyPump::ReplyPump(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

ReplyPump::~ReplyPump() { stop(); }

void ReplyPump::stop() {
  std::unordered_set<std::shared_ptr<ReplySession>> left;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    queue_.clear();
    left.swap(live_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ReplyPump::run(std::shared_ptr<ReplySession> session, Ticket ticket) {
  session->ticket_ = std::move(ticket);
  // The ticket is the session's own, so its callback may not keep the session alive: an event in
  // flight finds it gone or here.
  const std::weak_ptr<ReplySession> weak = session;
  {
    const std::lock_guard lock(mutex_);
    live_.insert(session);
  }
  session->ticket_->on_ready([this, weak] {
    if (const auto strong = weak.lock()) wake(strong);
  });
}

void ReplyPump::wake(const std::shared_ptr<ReplySession>& session) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_ || session->queued_) return;
    session->queued_ = true;
    queue_.push_back(session);
  }
  wake_.notify_one();
}

void ReplyPump::cancel(ReplySession& session) {
  if (session.ticket_) session.ticket_->cancel();
}

void ReplyPump::work() {
  while (true) {
    std::shared_ptr<ReplySession> session;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      session = std::move(queue_.front());
      queue_.pop_front();
      session->queued_ = false;
    }
    drain(session);
  }
}

void ReplyPump::drain(const std::shared_ptr<ReplySession>& session) {
  const std::lock_guard one_at_a_time(session->mutex_);
  while (session->ready()) {
    const std::optional<TicketEvent> event = session->ticket_->poll();
    if (!event) break;
    session->event(*event);
    if (std::holds_alternative<Finished>(*event)) {
      const std::lock_guard lock(mutex_);
      live_.erase(session);
      return;
    }
  }
}

}  // namespace deepseek::serve
