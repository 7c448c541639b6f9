// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <optional>

#include "engine/scheduler/request.h"
#include "engine/scheduler/ticket.h"
#include "serve/http/message.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {

/// How long a request may take from its first byte on; zero: as long as it takes.
struct TimeLimits {
  std::chrono::milliseconds queue{600'000};  // until its prompt begins to be computed
  std::chrono::milliseconds first_token{0};  // until its first token
  std::chrono::milliseconds total{0};        // until its end

  /// Throws invalid_input naming the limit.
  void validate() const;
};

/// The most that a request may ask for where the server's own limit is this.
std::chrono::milliseconds longest_time(std::chrono::milliseconds limit);

/// What the request asks for with the headers x-queue-timeout, x-first-token-timeout and
/// x-total-timeout, in seconds; for those it lacks, the server's limits, of which batch work has
/// none for the queue. Throws RequestError 422 naming the header whose value is none, or more than
/// the server allows.
TimeLimits limits_of(const HttpRequest& http, const TimeLimits& server,
                     RequestClass work = RequestClass::interactive);

/// Whether the limit that ended the request there is one that it asked for itself: it is charged
/// then as if its client had left. Of vectors, which know no first token, `where` is the answer.
/// The request is one that limits_of has taken.
bool is_own_limit(const HttpRequest& http, const TimeLimits& server, LateIn where,
                  RequestClass work);

/// When a request of these limits is given up while it waits; nothing: never.
std::optional<std::chrono::steady_clock::time_point> latest_start(const HttpRequest& http,
                                                                  const TimeLimits& limits);

/// Gives what is about to be submitted the rest of its request's limits. Throws as limits_of.
void set_deadlines(GenerateRequest& request, const HttpRequest& http, const TimeLimits& server);
void set_deadlines(EmbedRequest& request, const HttpRequest& http, const TimeLimits& server);

/// The answer to a request that a deadline ended: 503 where nothing of it was computed, else 504.
/// What its client pays is not to be tried again unasked.
RequestError too_late(LateIn where, bool own_limit);
/// The failure that ended a request, as its client is told.
std::exception_ptr failure_of(const Finished& end, bool own_limit);

/// How the parts of one request, such as its prompts, ended. Of failures the first is told; where
/// time was over, how far the part had come that came furthest.
class PartsEnd {
 public:
  void add(const Finished& part, bool own_limit);
  bool failed() const { return late_ || error_; }
  bool late() const { return late_ && !error_; }
  /// By a limit of the request's own and none of the server's.
  bool late_by_own_limit() const { return late() && !by_server_; }
  std::exception_ptr failure() const;

 private:
  std::optional<Error> error_;
  bool late_ = false, by_server_ = false;
  LateIn furthest_ = LateIn::queue;
};

}  // namespace deepseek::serve
