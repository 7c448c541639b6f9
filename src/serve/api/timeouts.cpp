// SPDX-License-Identifier: Apache-2.0
#include "serve/api/timeouts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <string>

namespace deepseek::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds longest{std::chrono::hours(24)};
constexpr size_t longest_text = 24;

struct Row {
  const char* header;
  milliseconds TimeLimits::*limit;
};
/// In the order of LateIn: what has begun no longer ends by the limits before.
constexpr Row rows[] = {{"x-queue-timeout", &TimeLimits::queue},
                        {"x-first-token-timeout", &TimeLimits::first_token},
                        {"x-total-timeout", &TimeLimits::total}};

/// "30", "0.25"; at least one. Nothing for what is no number above zero.
std::optional<double> milliseconds_in(std::string_view text) {
  if (text.size() > longest_text || text.find_first_not_of("0123456789.") != text.npos)
    return std::nullopt;
  double seconds = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] =
      std::from_chars(last - text.size(), last, seconds, std::chars_format::fixed);
  if (error != std::errc() || end != last || seconds <= 0) return std::nullopt;
  return std::max(std::round(seconds * 1000), 1.0);
}

/// At least a millisecond, since zero would be no limit; zero stays.
milliseconds rest_of(milliseconds limit, const HttpRequest& http) {
  if (limit.count() == 0) return limit;
  const auto used = std::chrono::duration_cast<milliseconds>(steady_clock::now() - http.received);
  return std::max(limit - used, milliseconds(1));
}

/// The limits of batch work: those of first token and total count from when it begins.
template <class Request>
TimeLimits limits_for(const Request& request, const HttpRequest& http, const TimeLimits& server) {
  const bool batch = request.request_class == RequestClass::batch;
  TimeLimits limits = limits_of(http, server, request.request_class);
  limits.queue = rest_of(limits.queue, http);
  if (batch) return limits;
  limits.first_token = rest_of(limits.first_token, http);
  limits.total = rest_of(limits.total, http);
  return limits;
}

}  // namespace

void TimeLimits::validate() const {
  for (const Row& row : rows) {
    const milliseconds limit = this->*row.limit;
    if (limit.count() < 0 || limit > longest)
      fail(ErrorKind::invalid_input, row.header + 2, ": expected 0 (none) to ", longest.count(),
           " ms, got ", limit.count());
  }
}

milliseconds longest_time(milliseconds limit) { return limit.count() > 0 ? limit : longest; }

TimeLimits limits_of(const HttpRequest& http, const TimeLimits& server, RequestClass work) {
  TimeLimits limits = server;
  if (work == RequestClass::batch) limits.queue = milliseconds(0);
  for (const Row& row : rows) {
    const std::string* const text = http.headers.find(row.header);
    if (!text) continue;
    milliseconds& limit = limits.*row.limit;
    const milliseconds most = longest_time(limit);
    const std::optional<double> asked = milliseconds_in(*text);
    if (!asked || *asked > double(most.count()))
      refuse_param(422, row.header, "expected seconds above 0 and at most ",
                   double(most.count()) / 1000, " in ", row.header, ", got '", printable(*text, 40),
                   "'");
    limit = milliseconds(static_cast<int64_t>(*asked));
  }
  return limits;
}

bool is_own_limit(const HttpRequest& http, const TimeLimits& server, LateIn where,
                  RequestClass work) {
  const TimeLimits limits = limits_of(http, server, work);
  const Row* first = nullptr;  // of those that could end it there
  for (const Row& row : std::span(rows).subspan(static_cast<size_t>(where)))
    if (const milliseconds limit = limits.*row.limit;
        limit.count() > 0 && (!first || limit < limits.*first->limit))
      first = &row;
  return first && http.headers.find(first->header);
}

std::optional<steady_clock::time_point> latest_start(const HttpRequest& http,
                                                     const TimeLimits& limits) {
  std::optional<steady_clock::time_point> latest;
  for (const Row& row : rows) {
    const milliseconds limit = limits.*row.limit;
    if (limit.count() > 0)
      latest = std::min(latest.value_or(http.received + limit), http.received + limit);
  }
  return latest;
}

void set_deadlines(GenerateRequest& request, const HttpRequest& http, const TimeLimits& server) {
  const TimeLimits limits = limits_for(request, http, server);
  request.queue_deadline = limits.queue;
  request.first_token_deadline = limits.first_token;
  request.total_deadline = limits.total;
}

void set_deadlines(EmbedRequest& request, const HttpRequest& http, const TimeLimits& server) {
  const TimeLimits limits = limits_for(request, http, server);
  request.queue_deadline = limits.queue;
  request.total_deadline = limits.total;
}

RequestError too_late(LateIn where, bool own_limit) {
  switch (where) {
    case LateIn::queue:
      return {503,
              "the request was still in the queue when its time was over; try again later, or let "
              "it wait longer (x-queue-timeout)",
              {.code = "queue_timeout"}};
    case LateIn::prompt:
      return {504,
              "the answer had not begun when the request's time was over; shorten the prompt, or "
              "let it take longer (x-first-token-timeout, x-total-timeout)",
              {.code = "first_token_timeout", .should_retry = !own_limit}};
    case LateIn::answer:
      break;
  }
  // The same again would take as long, and what was produced is paid.
  return {504,
          "the answer was not complete when the request's time was over; ask for fewer tokens, or "
          "let it take longer (x-total-timeout)",
          {.code = "total_timeout", .should_retry = false}};
}

std::exception_ptr failure_of(const Finished& end, bool own_limit) {
  if (end.late) return std::make_exception_ptr(too_late(*end.late, own_limit));
  return std::make_exception_ptr(*end.error);
}

void PartsEnd::add(const Finished& part, bool own_limit) {
  LateIn reached = part.timings.prefill_ms > 0 ? LateIn::prompt : LateIn::queue;
  if (part.usage.completion_tokens > 0) reached = LateIn::answer;
  furthest_ = std::max({furthest_, reached, part.late.value_or(LateIn::queue)});
  if (part.late) {
    late_ = true;
    by_server_ |= !own_limit;
  } else if (part.error && !error_) {
    error_ = part.error;
  }
}

std::exception_ptr PartsEnd::failure() const {
  if (error_) return std::make_exception_ptr(*error_);
  return std::make_exception_ptr(too_late(furthest_, !by_server_));
}

}  // namespace deepseek::serve
