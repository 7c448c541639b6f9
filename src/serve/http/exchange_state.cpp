// SPDX-License-Identifier: Apache-2.0
#include "serve/http/exchange_state.h"

#include <utility>

namespace deepseek::serve {

ExchangeState::ExchangeState(HttpRequest request, ErrorDialect dialect, int64_t buffer_bytes,
                             std::function<void()> wake,
                             std::function<void(const std::string&)> notice)
    : request_(std::move(request)),
      dialect_(dialect),
      buffer_bytes_(buffer_bytes),
      wake_(std::move(wake)),
      notice_(std::move(notice)) {}

void ExchangeState::wake_locked() {
  if (std::exchange(woken_, true)) return;
  wake_();
}

/// What the callbacks hold may be the last handles of this very exchange: they are destroyed by the
/// caller, after it has let go of the lock.
ExchangeState::Calls ExchangeState::take_calls_locked() { return std::exchange(calls_, {}); }

void ExchangeState::reply(HttpReply reply) {
  Calls dropped;
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::closed) return;
  if (phase_ != Phase::open) {
    if (notice_) notice_("request " + request_.request_id + " was answered twice; our bug");
    return;
  }
  phase_ = Phase::replied;
  reply_ = std::move(reply);
  dropped = take_calls_locked();
  wake_locked();
}

void ExchangeState::fail(const std::exception_ptr& failure) {
  const RequestError error = as_request_error(failure);
  std::string reason;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& original) {
    if (std::string_view(original.what()) != error.what()) reason = original.what();
  } catch (...) {
    reason = "an exception of unknown type";
  }
  Calls dropped;
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::open && phase_ != Phase::streaming) return;
  withheld_ = std::move(reason);
  fail_locked(error);
  dropped = take_calls_locked();
}

void ExchangeState::fail_locked(const RequestError& error) {
  if (phase_ == Phase::streaming && (head_sent_ || ever_sent_)) {
    const bool lines = stream_.format == StreamReply::Format::lines;
    // A stream of plain bytes has no form for an error: it breaks off instead.
    if (stream_.format != StreamReply::Format::bytes) {
      const std::string event = error_event(error, dialect_, request_.request_id, lines);
      buffer_ += event;
      waiting_bytes_ += int64_t(event.size());
      phase_ = Phase::finished;
    } else {
      overflowed_ = true;
      woken_ = false;
    }
  } else {
    phase_ = Phase::replied;
    reply_ = error_reply(error, dialect_, request_.request_id);
  }
  wake_locked();
}

void ExchangeState::begin_stream(StreamReply reply) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::closed) return;
  if (phase_ != Phase::open) {
    if (notice_) notice_("request " + request_.request_id + " was answered twice; our bug");
    return;
  }
  phase_ = Phase::streaming;
  stream_ = std::move(reply);
  wake_locked();
}

bool ExchangeState::append(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::streaming || overflowed_) return false;
  if (bytes.empty()) return true;
  if (waiting_bytes_ >= buffer_bytes_) {
    overflowed_ = true;
    woken_ = false;  // a wake before this one may wait for a write that never ends
    wake_locked();
    return false;
  }
  buffer_ += bytes;
  waiting_bytes_ += int64_t(bytes.size());
  ever_sent_ = true;
  wake_locked();
  return true;
}

void ExchangeState::finish_stream() {
  Calls dropped;
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::streaming) return;
  phase_ = Phase::finished;
  dropped = take_calls_locked();
  wake_locked();
}

bool ExchangeState::writable() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::streaming && !overflowed_ && waiting_bytes_ * 2 <= buffer_bytes_;
}

bool ExchangeState::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_.has_value();
}

void ExchangeState::on_writable(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::streaming || overflowed_) return;
    if (waiting_bytes_ * 2 > buffer_bytes_) {
      std::swap(calls_.writable, call);
      return;
    }
  }
  call();
}

void ExchangeState::on_closed(std::function<void(ClosedBecause)> call) {
  std::optional<ClosedBecause> why;
  {
    const std::lock_guard lock(mutex_);
    why = closed_;
    if (!why) {
      if (phase_ == Phase::open || phase_ == Phase::streaming) std::swap(calls_.closed, call);
      return;
    }
  }
  call(*why);
}

void ExchangeState::summarise(RequestSummary summary) {
  const std::lock_guard lock(mutex_);
  summary_ = std::move(summary);
}

void ExchangeState::dropped(bool stream) {
  Calls dropped;
  const std::lock_guard lock(mutex_);
  if (!stream) exchange_held_ = false;
  if (stream && phase_ == Phase::streaming && !ever_sent_ && !head_sent_ && exchange_held_) {
    // As if it had never begun: the handler may still answer, or be on its way out with an error.
    phase_ = Phase::open;
    return;
  }
  if (phase_ != (stream ? Phase::streaming : Phase::open)) return;
  withheld_ = stream ? "the stream was dropped before its end" : "the handler gave no answer";
  fail_locked(as_request_error(std::make_exception_ptr(Error(ErrorKind::internal, withheld_))));
  dropped = take_calls_locked();
}

ExchangeState::Taken ExchangeState::take() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  Taken taken;
  if (phase_ == Phase::closed) return taken;
  taken.reply = std::exchange(reply_, std::nullopt);
  taken.stream = phase_ == Phase::streaming || phase_ == Phase::finished;
  taken.bytes = std::exchange(buffer_, {});
  taken.finished = phase_ == Phase::finished;
  return taken;
}

void ExchangeState::wrote(size_t size) {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ -= int64_t(size);
    if (phase_ != Phase::streaming || waiting_bytes_ * 2 > buffer_bytes_) return;
    call = std::exchange(calls_.writable, {});
  }
  if (call) call();
}

bool ExchangeState::overflowed() const {
  const std::lock_guard lock(mutex_);
  return overflowed_;
}

bool ExchangeState::commit_head() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::replied || phase_ == Phase::open) return false;
  head_sent_ = true;
  return true;
}

bool ExchangeState::close(ClosedBecause why) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::closed) return true;
    const bool unfinished = phase_ == Phase::open || phase_ == Phase::streaming;
    phase_ = Phase::closed;
    buffer_.clear();
    reply_.reset();
    calls = take_calls_locked();
    closed_ = why;
    if (!unfinished) return false;
  }
  if (calls.closed) calls.closed(why);
  return true;
}

void ExchangeState::stop(const RequestError& why) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::open && phase_ != Phase::streaming) return;
    fail_locked(why);
    closed_ = ClosedBecause::server_stopped;
    calls = take_calls_locked();
  }
  if (calls.closed) calls.closed(ClosedBecause::server_stopped);
}

StreamReply ExchangeState::stream_reply() const {
  const std::lock_guard lock(mutex_);
  return stream_;
}

RequestSummary ExchangeState::summary() const {
  const std::lock_guard lock(mutex_);
  return summary_;
}

std::string ExchangeState::withheld_error() const {
  const std::lock_guard lock(mutex_);
  return withheld_;
}

}  // namespace deepseek::serve
