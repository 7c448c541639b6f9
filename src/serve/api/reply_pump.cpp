// SPDX-License-Identifier: Apache-2.0
#include "serve/api/reply_pump.h"

namespace deepseek::serve {

ReplyPump::ReplyPump(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

ReplyPump::~ReplyPump() { stop(); }

void ReplyPump::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // Tickets may still call: each round drops what they put into the queue during the last.
  for (bool any = true; any;) {
    std::unordered_set<std::shared_ptr<ReplySession>> left;
    std::deque<std::shared_ptr<ReplySession>> waiting;
    const std::lock_guard lock(mutex_);
    left.swap(live_);
    waiting.swap(queue_);
    any = !left.empty() || !waiting.empty();
  }
}

void ReplyPump::run(const std::shared_ptr<ReplySession>& session, Ticket ticket) {
  session->ticket_ = std::move(ticket);
  // The ticket is the session's own, so its callback may not keep the session alive: an event in
  // flight finds it gone or here.
  const std::weak_ptr<ReplySession> weak = session;
  {
    const std::lock_guard lock(mutex_);
    live_.insert(session);
  }
  session->ticket_->on_ready([this, weak] {
    {
      // Under the lock, so that stop() misses no session; and into the queue also when nothing is
      // carried any more, since a ticket's own callback must not let go of the last owner.
      const std::lock_guard lock(mutex_);
      std::shared_ptr<ReplySession> strong = weak.lock();
      if (!strong) return;
      queue_.push_back(std::move(strong));
    }
    wake_.notify_one();
  });
}

void ReplyPump::wake(std::shared_ptr<ReplySession> session) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(session));
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
    }
    drain(session);
  }
}

void ReplyPump::drain(const std::shared_ptr<ReplySession>& session) {
  const std::lock_guard one_at_a_time(session->mutex_);
  try {
    while (!session->over_ && session->ready()) {
      const std::optional<TicketEvent> event = session->ticket_->poll();
      if (!event) return;
      session->event(*event);
      if (std::holds_alternative<Finished>(*event)) end(session);
    }
  } catch (...) {
    end(session);
    session->ticket_->cancel();
    try {
      session->failed(std::current_exception());
    } catch (const std::exception&) {
      // Its answer ends unanswered, which its client is told.
    }
  }
}

void ReplyPump::end(const std::shared_ptr<ReplySession>& session) {
  session->over_ = true;
  const std::lock_guard lock(mutex_);
  live_.erase(session);
}

}  // namespace deepseek::serve
