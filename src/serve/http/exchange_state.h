// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "serve/http/exchange.h"

namespace deepseek::serve {

/// What a request's handler and its connection share. Handlers put an answer in from any thread;
/// the connection, woken, takes it out on its I/O thread.
class ExchangeState : public std::enable_shared_from_this<ExchangeState> {
 public:
  /// `wake` tells the connection to look; it may be called from any thread, under the lock.
  /// `notice` takes a line for the operator.
  ExchangeState(HttpRequest request, ErrorDialect dialect, int64_t buffer_bytes,
                std::function<void()> wake, std::function<void(const std::string&)> notice);

  // The handler's side, any thread.
  const HttpRequest& request() const { return request_; }
  void reply(HttpReply reply);
  void fail(const std::exception_ptr& failure);
  void begin_stream(StreamReply reply);
  bool append(std::string_view bytes);
  void finish_stream();
  bool writable() const;
  bool closed() const;
  void on_writable(std::function<void()> call);
  void on_closed(std::function<void(ClosedBecause)> call);
  void summarise(RequestSummary summary);
  /// The last handle of the exchange (of the stream) is gone.
  void dropped(bool stream);

  // The connection's side, on its I/O thread.
  struct Taken {
    std::optional<HttpReply> reply;  // the whole answer
    bool stream = false;             // begun, whether or not there are bytes
    std::string bytes;               // of the stream
    bool finished = false;           // after these bytes the stream is complete
  };
  Taken take();
  /// Of the bytes taken, so many have left.
  void wrote(size_t size);
  /// The producer outran the client's reading; told at once, also while a write stalls.
  bool overflowed() const;
  /// The status line is about to leave, so that a failure can only be an event. False when the
  /// answer is no stream any more.
  bool commit_head();
  /// The client left or is let go: nothing is taken after this. False when the answer was complete.
  bool close(ClosedBecause why);
  /// The server stops: a reply or error event that says so becomes the answer.
  void stop(const RequestError& why);

  StreamReply stream_reply() const;
  RequestSummary summary() const;
  std::string withheld_error() const;
  ErrorDialect dialect() const { return dialect_; }

 private:
  enum class Phase { open, replied, streaming, finished, closed };
  struct Calls {
    std::function<void()> writable;
    std::function<void(ClosedBecause)> closed;
  };

  void fail_locked(const RequestError& error);
  void wake_locked();
  Calls take_calls_locked();

  HttpRequest request_;
  const ErrorDialect dialect_;
  const int64_t buffer_bytes_;
  std::function<void()> wake_;
  std::function<void(const std::string&)> notice_;

  mutable std::mutex mutex_;
  Phase phase_ = Phase::open;
  bool woken_ = false;
  bool head_sent_ = false;
  bool ever_sent_ = false;
  bool exchange_held_ = true;  // an Exchange handle is left
  bool overflowed_ = false;
  std::optional<HttpReply> reply_;
  StreamReply stream_;
  std::string buffer_;
  int64_t waiting_bytes_ = 0;  // in buffer_ and with the connection
  std::optional<ClosedBecause> closed_;
  Calls calls_;
  RequestSummary summary_;
  std::string withheld_;
};

/// The handle with which a handler starts.
Exchange hand_out(const std::shared_ptr<ExchangeState>& state);

}  // namespace deepseek::serve
