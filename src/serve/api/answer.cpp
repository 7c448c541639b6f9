// SPDX-License-Identifier: Apache-2.0
#include "serve/api/answer.h"

#include <algorithm>
#include <utility>

#include "serve/api/api.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using State = store::IdempotencyAnswer::State;

const char* content_type(StreamReply::Format format) {
  return format == StreamReply::Format::lines ? "application/x-ndjson"
                                              : "text/event-stream; charset=utf-8";
}

std::string headers_text(const HttpHeaders& headers) {
  std::string text;
  for (const auto& [name, value] : headers) text += concat(name, ": ", value, "\n");
  return text;
}

HttpReply stored_reply(const store::StoredReply& stored) {
  HttpReply reply{int(stored.status), {{"idempotent-replayed", "true"}}, stored.body};
  std::string_view rest = stored.headers;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (const size_t colon = line.find(": "); colon != line.npos)
      reply.headers.add(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)));
  }
  return reply;
}

/// What must be alike for a request to be the same one.
std::string identity(const HttpRequest& request) {
  return concat(request.path, "\n", request.body);
}

}  // namespace

std::shared_ptr<Answer> Answer::begin(Exchange exchange, const std::shared_ptr<ApiContext>& context,
                                      ErrorDialect dialect) {
  const HttpRequest& request = exchange.request();
  if (const std::string_view seen = request.header("last-event-id"); !seen.empty()) {
    ReplayStore::Position position = context->replay.find(seen, holder_of(request).owner);
    position.stream.follow(exchange.stream(), position.after);
    return nullptr;
  }
  const std::string key(request.header("idempotency-key"));
  store::Idempotency* const kept = context->accounts->idempotency();
  if (key.empty() || !kept)
    return std::make_shared<Answer>(std::move(exchange), context, dialect, "");
  const store::IdempotencyAnswer before =
      kept->begin(holder_of(request).owner, key, identity(request));
  switch (before.state) {
    case State::started:
      return std::make_shared<Answer>(std::move(exchange), context, dialect, key);
    case State::stored:
      exchange.reply(stored_reply(before.reply));
      return nullptr;
    case State::in_progress:
      throw RequestError(
          409, "a request with this Idempotency-Key is still being answered",
          {.code = "idempotency_in_progress", .retry_after_ms = 1000, .should_retry = true});
    case State::conflict:
      throw RequestError(409,
                         "this Idempotency-Key came with another request before; use a new one",
                         {.code = "idempotency_conflict", .should_retry = false});
    case State::not_kept:
      throw RequestError(409,
                         "the request with this Idempotency-Key was answered, but the answer was "
                         "too large to keep",
                         {.code = "idempotency_not_kept", .should_retry = false});
  }
  return nullptr;
}

Answer::Answer(Exchange exchange, std::shared_ptr<ApiContext> context, ErrorDialect dialect,
               std::string idempotency_key)
    : exchange_(std::move(exchange)),
      context_(std::move(context)),
      dialect_(dialect),
      idempotency_key_(std::move(idempotency_key)) {}

Answer::~Answer() { release_key(); }

void Answer::release_key() {
  if (over_ || idempotency_key_.empty()) return;
  over_ = true;
  try {
    context_->accounts->idempotency()->abandon(holder_of(request()).owner, idempotency_key_);
  } catch (const std::exception& error) {
    context_->accounts->notice(concat("an Idempotency-Key is not free again yet: ", error.what()));
  }
}

void Answer::add_headers(const HttpHeaders& headers) {
  for (const auto& [name, value] : headers) headers_.add(name, value);
}

void Answer::begin_stream(StreamReply::Format format) {
  format_ = format;
  stream_ = exchange_.stream({.format = format, .headers = headers_});
  if (format != StreamReply::Format::events || request().header("x-resumable") != "true") return;
  replay_ = context_->replay.open(holder_of(request()).owner);
  replay_->follow(*stream_);
}

void Answer::charge_at_end(std::shared_ptr<Bill> bill, const store::TokenCounts& used,
                           store::Outcome outcome) {
  charge_ = {std::move(bill), used, outcome};
}

void Answer::settle(int64_t status, const HttpHeaders& headers, const std::string& body) {
  const std::optional<Charge> charge = std::exchange(charge_, std::nullopt);
  if (idempotency_key_.empty()) {
    if (charge) charge->bill->settle(charge->used, charge->outcome);
    return;
  }
  const KeptReply kept{
      holder_of(request()).owner, idempotency_key_, {status, headers_text(headers), body}};
  if (charge && charge->bill->settle(charge->used, charge->outcome, kept)) {
    over_ = true;
    return;
  }
  try {
    context_->accounts->idempotency()->finish(kept.owner, kept.idempotency_key, kept.reply);
    over_ = true;
  } catch (const std::exception& error) {
    context_->accounts->notice(concat("a reply is not kept: ", error.what()));
  }
}

void Answer::keep_bytes(std::string_view bytes) {
  if (idempotency_key_.empty()) return;
  const std::lock_guard lock(mutex_);
  // Beyond the limit it will not be kept anyway.
  if (int64_t(kept_.size()) <= store::IdempotencyLimits{}.largest_reply_bytes) kept_ += bytes;
}

void Answer::send(const ServerEvent& event) {
  const std::string text = event_text(event);
  keep_bytes(text);
  if (replay_)
    replay_->send(event.data, event.event);
  else
    stream_->write(text);
}

void Answer::line(std::string_view json) {
  const std::string text = concat(json, "\n");
  keep_bytes(text);
  stream_->write(text);
}

void Answer::finish() {
  settle(200, {{"Content-Type", content_type(format_)}, {"Cache-Control", "no-store"}}, kept_);
  ended_ = true;
  if (replay_)
    replay_->finish();
  else
    stream_->finish();
}

void Answer::done() {
  send("[DONE]");
  finish();
}

void Answer::reply(HttpReply reply) {
  settle(reply.status, reply.headers, reply.body);
  for (const auto& [name, value] : headers_) reply.headers.add(name, value);
  exchange_.reply(std::move(reply));
}

void Answer::fail(const std::exception_ptr& failure) {
  release_key();
  ended_ = true;
  if (replay_)
    replay_->fail(as_request_error(failure), dialect_, request().request_id);
  else if (stream_)
    stream_->fail(failure);
  else
    exchange_.fail(failure);
}

RequestError cut_off() {
  return RequestError(503, "the answer was cut off", {.retry_after_ms = 1000});
}

bool Answer::writable() const {
  if (ended_) return true;
  if (replay_) return replay_->writable() || replay_->abandoned();
  return !stream_ || stream_->writable() || stream_->closed();
}

void Answer::on_writable(std::function<void()> call) {
  if (replay_)
    replay_->on_writable(std::move(call));
  else if (stream_)
    stream_->on_writable(std::move(call));
}

void Answer::on_abandoned(std::function<void()> call) {
  if (replay_) {
    if (idempotency_key_.empty()) replay_->on_abandoned(std::move(call));
    return;
  }
  const auto closed = [call = std::move(call),
                       stays = !idempotency_key_.empty()](ClosedBecause why) {
    if (!stays || why == ClosedBecause::server_stopped) call();
  };
  if (stream_)
    stream_->on_closed(closed);
  else
    exchange_.on_closed(closed);
}

}  // namespace deepseek::serve
