// SPDX-License-Identifier: Apache-2.0
// Answering requests; connection.cpp receives them.
#include <array>
#include <cstdio>
#include <ctime>

#include "serve/http/connection.h"

namespace deepseek::serve {
namespace {

/// How long a closed connection is read on, so that what the client still sends does not reset it
/// before it has read the reply.
constexpr int64_t linger_ms = 1000;

/// "Sun, 06 Nov 1994 08:49:37 GMT", in English whatever the locale.
std::string http_date() {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t made = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now == made) return text;
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                days[size_t(parts.tm_wday)], parts.tm_mday, months[size_t(parts.tm_mon)],
                parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  made = now;
  return text = buffer.data();
}

/// No value ends its line early, whatever a handler put into it.
void append_field(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ");
  for (const char c : value) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  text += "\r\n";
}

bool server_writes(std::string_view name) {
  for (const std::string_view own :
       {"Content-Length", "Transfer-Encoding", "Connection", "Date", "Server", "x-request-id"})
    if (same_name(name, own)) return true;
  return false;
}

bool has_no_body(int status) { return status == 204 || status == 304; }

}  // namespace

void Connection::look() {
  if (phase_ != Phase::answering || !state_) return;
  if (state_->overflowed()) {
    status_ = status_ == 0 ? 499 : status_;
    withheld_ = "the stream broke off: the client reads more slowly than the answer is made";
    state_->close(ClosedBecause::slow_reader);
    return close();
  }
  if (writing_) return;
  ExchangeState::Taken taken = state_->take();
  if (taken.reply) return blank_ ? finish_blank_reply(*taken.reply) : write_reply(*taken.reply);
  if (taken.stream) look_for_stream(taken);
}

void Connection::look_for_stream(const ExchangeState::Taken& taken) {
  if (!streaming_) {
    streaming_ = true;
    core_.streams.fetch_add(1);
  }
  if (taken.bytes.empty() && !taken.finished) return;
  std::string text;
  if (!status_sent_) text = stream_head();
  text += framed(taken.bytes);
  if (taken.finished) text += last_chunk();
  write(std::move(text), [this, size = taken.bytes.size(), finished = taken.finished] {
    state_->wrote(size);
    if (finished) return finish_request();
    look();
  });
}

std::string Connection::stream_head() {
  StreamReply reply = state_->stream_reply();
  state_->commit_head();
  status_sent_ = true;
  status_ = reply.status;
  HttpHeaders& headers = reply.headers;
  if (!headers.find("Content-Type")) {
    switch (reply.format) {
      case StreamReply::Format::events:
        headers.set("Content-Type", "text/event-stream; charset=utf-8");
        break;
      case StreamReply::Format::lines:
        headers.set("Content-Type", "application/x-ndjson");
        break;
      case StreamReply::Format::bytes:
        headers.set("Content-Type", "application/octet-stream");
        break;
    }
  }
  if (!headers.find("Cache-Control")) headers.set("Cache-Control", "no-store");
  headers.set("X-Accel-Buffering", "no");  // nginx would hold the stream back
  return head_text(reply.status, headers, std::nullopt);
}

std::string Connection::framed(std::string_view bytes) const {
  if (bytes.empty() || state_->request().method == "HEAD") return "";
  if (!chunked_) return std::string(bytes);
  std::array<char, 24> size;
  const int digits = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  std::string text;
  text.reserve(bytes.size() + size_t(digits) + 2);
  text.append(size.data(), size_t(digits)).append(bytes).append("\r\n");
  return text;
}

std::string Connection::head_text(int status, const HttpHeaders& headers,
                                  std::optional<size_t> content_length) {
  const HttpRequest& request = state_ ? state_->request() : admission_.request;
  const bool http11 = parser_.head().minor_version == 1;
  const bool head_request = request.method == "HEAD";
  if (!content_length && !has_no_body(status)) {
    // To HTTP/1.0 the end of the connection is the end of the body.
    chunked_ = http11 && !head_request;
    if (!http11) keep_connection_ = false;
  }
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(status_text(status)).append("\r\n");
  append_field(text, "Date", http_date());
  if (!core_.config.server_header.empty()) append_field(text, "Server", core_.config.server_header);
  append_field(text, "x-request-id", request.request_id);
  if (dialect() == ErrorDialect::anthropic) append_field(text, "request-id", request.request_id);
  for (const auto& [name, value] : headers)
    if (!server_writes(name)) append_field(text, name, value);
  for (const auto& [name, value] : admission_.cors) append_field(text, name, value);
  if (!headers.find("X-Content-Type-Options"))
    append_field(text, "X-Content-Type-Options", "nosniff");
  if (content_length && !has_no_body(status))
    append_field(text, "Content-Length", std::to_string(*content_length));
  if (chunked_) append_field(text, "Transfer-Encoding", "chunked");
  if (!keep_connection_)
    append_field(text, "Connection", "close");
  else if (!http11)
    append_field(text, "Connection", "keep-alive");
  return text += "\r\n";
}

void Connection::write_reply(const HttpReply& reply) {
  const HttpRequest& request = state_ ? state_->request() : admission_.request;
  status_ = reply.status;
  status_sent_ = true;
  std::string text = head_text(reply.status, reply.headers, reply.body.size());
  if (request.method != "HEAD" && !has_no_body(reply.status)) text += reply.body;
  write(std::move(text), [this] { finish_request(); });
}

/// The status line said 200 long ago; the body says what became of it.
void Connection::finish_blank_reply(const HttpReply& reply) {
  status_ = reply.status;
  write(framed(reply.body) + std::string(last_chunk()), [this] { finish_request(); });
}

void Connection::refuse_request(const RequestError& error, std::string withheld) {
  if (writing_) {
    after_write_ = [this, error, withheld = std::move(withheld)] {
      refuse_request(error, withheld);
    };
    return;
  }
  // What is left of this request, or of something that is none, is not read as the next one.
  const bool body_is_unread = !head_read_ || parser_.head().has_body();
  if (body_is_unread || overloaded_ || error.status() == 400) keep_connection_ = false;
  if (!head_read_) {
    head_read_ = true;
    core_.request_begins();
    counted_ = true;
  }
  HttpRequest& request = admission_.request;
  if (request.request_id.empty()) {
    request.request_id = request_id_of("");
    request.trace = trace_of_request("");
  }
  phase_ = Phase::answering;
  withheld_ = std::move(withheld);
  write_reply(error_reply(error, dialect(), request.request_id));
}

ErrorDialect Connection::dialect() {
  if (admission_.route) return admission_.route->options.dialect;
  return dialect_of(parser_.head().target, core_.config, core_.router);
}

void Connection::keep_alive() {
  deadline_after(core_.config.keep_alive_ms);
  if (!state_) return;
  std::string text;
  if (streaming_) {
    if (state_->stream_reply().format != StreamReply::Format::events) return;
    if (!status_sent_) {
      if (!state_->commit_head()) return look();
      text = stream_head();
    }
    text += framed(": keep-alive\n\n");
  } else {
    const bool plain = admission_.route->options.blank_keep_alive &&
                       parser_.head().minor_version == 1 && state_->request().method != "HEAD";
    if (!plain) return;
    if (!blank_) {
      blank_ = status_sent_ = true;
      status_ = 200;
      text = head_text(200, {{"Content-Type", "application/json"}}, std::nullopt);
    }
    text += framed("\n");
  }
  write(std::move(text), [this] { look(); });
}

void Connection::write(std::string bytes, std::function<void()> then) {
  writing_ = true;
  output_ = std::move(bytes);
  output_sent_ = 0;
  after_write_ = std::move(then);
  write_more();
}

void Connection::write_more() {
  deadline_after(core_.config.write_timeout_ms);
  socket_->write_some(output_.data() + output_sent_, output_.size() - output_sent_,
                      [self = shared_from_this()](bool ok, size_t size) {
                        if (self->phase_ == Phase::closed) return;
                        if (!ok) return self->on_gone();
                        if (!self->first_byte_) self->first_byte_ = Clock::now();
                        self->output_sent_ += size;
                        self->sent_bytes_ += int64_t(size);
                        if (self->output_sent_ < self->output_.size()) return self->write_more();
                        self->writing_ = false;
                        self->output_ = {};
                        self->deadline_after(self->core_.config.keep_alive_ms);
                        const auto then = std::exchange(self->after_write_, nullptr);
                        then();
                      });
}

void Connection::finish_request() {
  record(status_);
  // As drain() closes those that it finds idle.
  const bool drained = core_.draining && input_.empty();
  if (!keep_connection_ || core_.stopping || drained) return linger();
  next_request();
}

void Connection::record(int status) {
  if (!head_read_) return;
  head_read_ = false;
  if (streaming_) core_.streams.fetch_sub(1);
  streaming_ = false;
  core_.body_bytes.fetch_sub(std::exchange(body_bytes_, 0));
  if (core_.hooks.finished) {
    const HttpRequest& request = state_ ? state_->request() : admission_.request;
    const auto since = [&](Clock::time_point when) {
      return std::chrono::duration<double, std::milli>(when - received_).count();
    };
    const Clock::time_point now = Clock::now();
    RequestRecord record;
    record.request_id = request.request_id;
    record.method = request.method;
    record.route = admission_.log_route;
    record.peer = peer_;
    if (request.principal) record.principal = request.principal->id;
    record.status = status;
    record.began = std::chrono::system_clock::now() -
                   std::chrono::duration_cast<std::chrono::system_clock::duration>(now - received_);
    record.total_ms = since(now);
    if (first_byte_) record.first_byte_ms = since(*first_byte_);
    record.received_bytes = received_bytes_ - int64_t(input_.size());
    record.sent_bytes = sent_bytes_;
    record.streamed = chunked_ && !blank_;
    record.trace = request.trace;
    if (state_) record.summary = state_->summary();
    record.error = withheld_;
    if (record.error.empty() && state_) record.error = state_->withheld_error();
    try {
      core_.hooks.finished(record);
    } catch (const std::exception& error) {
      core_.notice(std::string("the hook of finished requests failed: ") + error.what());
    }
  }
  if (std::exchange(counted_, false)) core_.request_ends();
}

void Connection::linger() {
  phase_ = Phase::lingering;
  deadline_after(linger_ms);
  socket_->shutdown_send([self = shared_from_this()] {});
  want_read();
}

}  // namespace deepseek::serve
