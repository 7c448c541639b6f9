// SPDX-License-Identifier: Apache-2.0
// Receiving requests; connection_reply.cpp answers them.
#include "serve/http/connection.h"

#include <algorithm>

namespace deepseek::serve {
namespace {

/// Of pipelined requests, read while one is in work.
constexpr size_t most_input_ahead = 64 << 10;
constexpr size_t small_read = 4 << 10, body_read = 64 << 10;
constexpr int64_t slowest_body_bytes_per_ms = 64;
/// A connection beyond the cap is only there to be told so.
constexpr int64_t overloaded_timeout_ms = 2000;

/// What of a failure only the log may say.
std::string withheld_text(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const RequestError&) {
    return {};
  } catch (const std::exception& original) {
    return original.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace

Connection::Connection(ServerCore& core, LoopHome& home, std::unique_ptr<Socket> socket,
                       std::string peer, bool is_unix, bool crowded)
    : core_(core),
      home_(home),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      is_unix_(is_unix),
      crowded_(crowded),
      parser_({core.config.header_bytes, core.config.header_count, core.config.uri_bytes}),
      timer_(home.loop) {}

Connection::~Connection() = default;

void Connection::start() {
  home_.connections.insert(this);
  if (core_.stopping) return close();
  overloaded_ = crowded_ && !make_room();
  if (overloaded_) core_.refused_connections.fetch_add(1);
  deadline_after(overloaded_ ? overloaded_timeout_ms : core_.config.header_timeout_ms);
  socket_->handshake([self = shared_from_this()](bool ok) {
    if (self->phase_ != Phase::handshake) return;
    if (!ok) return self->close();
    self->next_request();
  });
}

bool Connection::make_room() {
  Connection* longest = nullptr;
  for (Connection* other : home_.connections) {
    if (other == this || other->phase_ != Phase::idle) continue;
    if (longest == nullptr || other->idle_since_ < longest->idle_since_) longest = other;
  }
  if (longest == nullptr) return false;
  longest->close();
  return true;
}

void Connection::next_request() {
  phase_ = Phase::idle;
  idle_since_ = Clock::now();
  parser_.reset();
  admission_ = {};
  state_.reset();
  head_read_ = status_sent_ = chunked_ = blank_ = streaming_ = false;
  keep_connection_ = true;
  status_ = 0;
  received_bytes_ = int64_t(input_.size());
  sent_bytes_ = 0;
  first_byte_.reset();
  withheld_.clear();
  if (core_.stopping) return close();
  deadline_after(overloaded_ ? overloaded_timeout_ms : core_.config.idle_timeout_ms);
  if (!input_.empty()) return advance();
  want_read();
}

void Connection::want_read() {
  if (reading_ || phase_ == Phase::closed) return;
  const bool ahead = phase_ == Phase::authorising || phase_ == Phase::answering;
  if (ahead && input_.size() >= most_input_ahead) return;
  reading_ = true;
  read_buffer_.resize(phase_ == Phase::body ? body_read : small_read);
  socket_->read_some(read_buffer_.data(), read_buffer_.size(),
                     [self = shared_from_this()](bool ok, size_t size) {
                       self->reading_ = false;
                       if (self->phase_ == Phase::closed) return;
                       if (!ok) return self->on_gone();
                       self->on_read(size);
                     });
}

void Connection::on_read(size_t size) {
  if (phase_ == Phase::lingering) return want_read();
  input_.append(read_buffer_, 0, size);
  received_bytes_ += int64_t(size);
  if (phase_ == Phase::authorising || phase_ == Phase::answering) return want_read();
  advance();
}

/// The client closed its end or the connection broke. A client that only says it will send no more
/// is taken to have left as well: none of those that are used does that and still reads.
void Connection::on_gone() {
  if (phase_ == Phase::answering && state_) {
    state_->close(ClosedBecause::client_left);
    status_ = 499;
  } else if (head_read_ && phase_ != Phase::lingering) {
    status_ = 499;
  }
  close();
}

void Connection::advance() {
  try {
    if (phase_ == Phase::idle) {
      phase_ = Phase::head;
      received_ = Clock::now();
      if (!overloaded_) deadline_after(core_.config.header_timeout_ms);
    }
    if (phase_ == Phase::head) {
      if (!parser_.read_head(input_)) {
        // Nothing but the empty line some clients send after a body: still between requests.
        if (input_.empty()) {
          phase_ = Phase::idle;
          deadline_after(core_.config.idle_timeout_ms);
        }
        return want_read();
      }
      return on_head();
    }
    const bool done = parser_.read_body(input_);
    account_body(parser_.body_size());
    if (done) return on_body();
    // A large body on a slow line earns its time by arriving.
    deadline_ = body_began_ + std::chrono::milliseconds(core_.config.body_timeout_ms +
                                                        body_bytes_ / slowest_body_bytes_per_ms);
    want_read();
  } catch (const RequestError& error) {
    refuse_request(error);
  } catch (const std::exception& failure) {
    refuse_request(as_request_error(std::current_exception()), failure.what());
  }
}

void Connection::on_head() {
  head_read_ = true;
  core_.request_begins();
  counted_ = true;
  const RequestHead& head = parser_.head();
  const bool handing_over = core_.draining && core_.config.reuse_port;
  keep_connection_ = head.keep_alive && !core_.draining && !core_.leaving && !overloaded_;
  HttpRequest& request = admission_.request;
  request.peer = peer_;
  request.secure = socket_->secure();
  request.received = received_;

  admit(head, core_.config, core_.router, core_.config.check_host && !is_unix_, admission_);
  const bool probe =
      admission_.route && admission_.route->options.always && admission_.route->access.is_open();
  if (overloaded_ && !probe)
    throw RequestError(503, "the server has too many connections", {.retry_after_ms = 1000});
  if (admission_.answer) {
    keep_connection_ = keep_connection_ && !head.has_body();
    phase_ = Phase::answering;
    return write_reply(*admission_.answer);
  }
  const Route& route = *admission_.route;
  if (!route.options.always) {
    if (core_.draining && !handing_over)
      throw RequestError(503, "the server is shutting down", {.retry_after_ms = 1000});
    if (core_.hooks.admission) {
      const Readiness readiness = core_.hooks.admission();
      if (!readiness.ready)
        throw RequestError(503,
                           readiness.reason.empty() ? "the server is not ready" : readiness.reason,
                           {.retry_after_ms = readiness.retry_after_ms});
    }
  }
  if (route.access.is_open()) return receive_body();
  authorise();
}

void Connection::authorise() {
  phase_ = Phase::authorising;
  no_deadline();
  want_read();
  // The request is read there and changed by nobody until the answer is back on this thread.
  core_.authorisers.post([self = shared_from_this()]() mutable {
    std::shared_ptr<const Principal> principal;
    std::exception_ptr failure;
    try {
      principal = self->core_.hooks.authorise(self->admission_.request, *self->admission_.route);
      if (!principal) throw RequestError(401, "this needs a key");
    } catch (...) {
      failure = std::current_exception();
    }
    IoLoop& loop = self->home_.loop;
    loop.post([self = std::move(self), principal = std::move(principal),
               failure = std::move(failure)]() mutable {
      self->on_authorised(std::move(principal), failure);
    });
  });
}

void Connection::on_authorised(std::shared_ptr<const Principal> principal,
                               const std::exception_ptr& failure) {
  if (phase_ != Phase::authorising) return;
  if (failure) return refuse_request(as_request_error(failure), withheld_text(failure));
  admission_.request.principal = std::move(principal);
  receive_body();
}

void Connection::receive_body() {
  const RequestHead& head = parser_.head();
  phase_ = Phase::body;
  if (!head.has_body()) return on_body();
  parser_.body_limit(admission_.route->options.body_limit_bytes.value_or(core_.config.body_bytes));
  body_began_ = Clock::now();
  deadline_after(core_.config.body_timeout_ms);
  if (head.expects_continue && input_.empty()) {
    const int64_t sent = sent_bytes_;
    return write("HTTP/1.1 100 Continue\r\n\r\n", [this, sent] {
      sent_bytes_ = sent;
      first_byte_.reset();
      if (phase_ != Phase::body) return look();  // the body came meanwhile
      deadline_after(core_.config.body_timeout_ms);
      advance();
    });
  }
  advance();
}

void Connection::account_body(int64_t size_bytes) {
  const int64_t more = size_bytes - body_bytes_;
  body_bytes_ = size_bytes;
  const int64_t all = core_.body_bytes.fetch_add(more) + more;
  if (more > 0 && all > core_.config.all_bodies_bytes)
    throw RequestError(503, "too many large requests are on their way", {.retry_after_ms = 1000});
}

void Connection::on_body() {
  phase_ = Phase::answering;
  HttpRequest request = std::move(admission_.request);
  if (parser_.head().has_body()) request.body = parser_.take_body();
  const Route& route = *admission_.route;
  state_ = std::make_shared<ExchangeState>(
      std::move(request), route.options.dialect, core_.config.stream_buffer_bytes,
      [&loop = home_.loop, weak = weak_from_this()] {
        loop.post([weak] {
          if (const auto self = weak.lock()) self->look();
        });
      },
      core_.hooks.notice);
  deadline_after(core_.config.keep_alive_ms);
  want_read();
  const auto handle = [state = state_, &route] {
    Exchange exchange = hand_out(state);
    try {
      route.handler(exchange);
    } catch (...) {
      exchange.fail(std::current_exception());
    }
  };
  if (route.options.on_io_thread)
    handle();
  else
    (route.options.heavy ? core_.heavy : core_.pool).post(handle);
}

void Connection::close_if_idle() {
  if (phase_ == Phase::idle) close();
}

void Connection::stop(const RequestError& why) {
  if (phase_ == Phase::answering && state_) {
    keep_connection_ = false;
    state_->stop(why);
  } else if (phase_ == Phase::answering || phase_ == Phase::lingering) {
    keep_connection_ = false;  // a refusal on its way out
  } else {
    close();
  }
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  const std::shared_ptr<Connection> self = shared_from_this();
  const bool was_lingering = phase_ == Phase::lingering;
  phase_ = Phase::closed;
  if (state_) state_->close(ClosedBecause::server_stopped);
  if (!was_lingering && head_read_) record(status_ == 0 ? 499 : status_);
  state_.reset();
  timer_.cancel();
  deadline_ = Clock::time_point::max();
  socket_->close();
  home_.connections.erase(this);
  core_.connections.fetch_sub(1);
}

void Connection::deadline_after(int64_t timeout_ms) {
  if (timeout_ms <= 0) return no_deadline();
  deadline_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
  // Most deadlines move on before they pass: the timer is set anew only when it would come too
  // late.
  if (deadline_ < armed_for_) arm();
}

void Connection::no_deadline() { deadline_ = Clock::time_point::max(); }

void Connection::arm() {
  armed_for_ = deadline_;
  timer_.set(deadline_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->phase_ == Phase::closed) return;
    self->armed_for_ = Clock::time_point::max();
    if (self->deadline_ == Clock::time_point::max()) return;
    if (Clock::now() < self->deadline_) return self->arm();
    self->on_deadline();
  });
}

void Connection::on_deadline() {
  switch (phase_) {
    case Phase::handshake:
    case Phase::idle:
    case Phase::lingering:
      return close();
    case Phase::head:
      return refuse_request(RequestError(408, "the request's header did not arrive in time"));
    case Phase::body:
      if (writing_) return close();
      return refuse_request(RequestError(408, "the request's body did not arrive in time"));
    case Phase::answering:
      if (!writing_) return keep_alive();
      status_ = status_ == 0 ? 499 : status_;
      withheld_ = "the client did not read";
      if (state_) state_->close(ClosedBecause::slow_reader);
      return close();
    case Phase::authorising:
    case Phase::closed:
      return;
  }
}

}  // namespace deepseek::serve
