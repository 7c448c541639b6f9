// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler/ticket.h"

#include <utility>

#include "engine/scheduler/ticket_state.h"

namespace deepseek {
namespace {

int64_t tokens_of(const TicketEvent& event) {
  if (const auto* delta = std::get_if<Delta>(&event))
    return static_cast<int64_t>(delta->tokens.size());
  if (const auto* prompt = std::get_if<PromptLogprobs>(&event))
    return static_cast<int64_t>(prompt->logprobs.size());
  return 0;
}

}  // namespace

void Doorbell::ring() {
  {
    const std::lock_guard lock(mutex_);
    ringing_ = true;
  }
  rang_.notify_one();
}

void Doorbell::wait() {
  std::unique_lock lock(mutex_);
  rang_.wait(lock, [this] { return ringing_; });
  ringing_ = false;
}

void Doorbell::wait_until(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  rang_.wait_until(lock, until, [this] { return ringing_; });
  ringing_ = false;
}

void Ticket::State::push(TicketEvent event) {
  if (detached) return;
  bool first = false;
  {
    const std::lock_guard lock(mutex);
    unread_tokens += tokens_of(event);
    // Of how far things are, only the last counts.
    const bool news = std::holds_alternative<QueuePosition>(event) ||
                      std::holds_alternative<PrefillProgress>(event);
    if (news && !events.empty() && events.back().index() == event.index()) {
      events.back() = std::move(event);
    } else {
      first = events.empty();
      events.push_back(std::move(event));
    }
  }
  arrived.notify_all();
  if (!first) return;
  const std::lock_guard lock(callback_mutex);
  if (callback) callback();
}

std::optional<TicketEvent> Ticket::State::take() {
  if (events.empty()) return std::nullopt;
  TicketEvent event = std::move(events.front());
  events.pop_front();
  const int64_t tokens = tokens_of(event);
  const int64_t before = unread_tokens.fetch_sub(tokens);
  if (before > buffer_tokens / 2 && before - tokens <= buffer_tokens / 2) worker->ring();
  ended = std::holds_alternative<Finished>(event);
  return event;
}

Ticket::Ticket(std::shared_ptr<State> state) : state_(std::move(state)) {}
Ticket::Ticket(Ticket&&) noexcept = default;

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Ticket::~Ticket() {
  if (!state_) return;
  on_ready({});
  state_->detached = true;
  cancel();
}

int64_t Ticket::id() const { return state_->id; }

std::optional<TicketEvent> Ticket::next() {
  std::unique_lock lock(state_->mutex);
  state_->arrived.wait(lock, [this] { return state_->ended || !state_->events.empty(); });
  return state_->take();
}

std::optional<TicketEvent> Ticket::next_for(std::chrono::milliseconds timeout) {
  std::unique_lock lock(state_->mutex);
  state_->arrived.wait_for(lock, timeout,
                           [this] { return state_->ended || !state_->events.empty(); });
  return state_->take();
}

std::optional<TicketEvent> Ticket::poll() {
  const std::lock_guard lock(state_->mutex);
  return state_->take();
}

bool Ticket::ended() const {
  const std::lock_guard lock(state_->mutex);
  return state_->ended;
}

void Ticket::on_ready(std::function<void()> callback) {
  const std::lock_guard lock(state_->callback_mutex);
  state_->callback = std::move(callback);
  if (!state_->callback) return;
  const bool waiting = [this] {
    const std::lock_guard events(state_->mutex);
    return !state_->events.empty();
  }();
  if (waiting) state_->callback();
}

void Ticket::cancel() {
  state_->cancel = true;
  state_->worker->ring();
}

}  // namespace deepseek
