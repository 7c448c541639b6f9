// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "serve/http/message.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {

/// One server-sent event. `data` may hold line feeds; the other two may not.
struct ServerEvent {
  std::string_view data;
  std::string_view event = {};  // empty: no `event:` line
  std::string_view id = {};     // empty: no `id:` line
};

/// "event: …\nid: …\ndata: …\n\n".
std::string event_text(const ServerEvent& event);

/// How the body of a stream is framed and kept alive.
struct StreamReply {
  enum class Format {
    events,  // text/event-stream
    lines,   // application/x-ndjson
    bytes,   // application/octet-stream unless the headers say otherwise
  };
  Format format = Format::events;
  HttpHeaders headers = {};
  int status = 200;
};

/// Why an exchange ended before its answer was complete.
enum class ClosedBecause { client_left, slow_reader, server_stopped };

/// What a handler tells the log, the metrics and the trace about its request. -1: not known.
struct RequestSummary {
  std::string model = {};
  std::string finish_reason = {};
  int64_t prompt_tokens = -1;
  int64_t cached_tokens = -1;
  int64_t completion_tokens = -1;
  int64_t reasoning_tokens = -1;
  double queue_ms = -1;
  double first_token_ms = -1;
};

class ExchangeState;

/// The body of a reply while it is made. A handle: copies are the same stream. Every member may be
/// called from any thread and none blocks. The status line leaves with the first bytes (or the
/// first keep-alive), so that fail() before any of them is still a plain HTTP error.
///
/// After the client has left, or after finish() or fail(), sending does nothing and answers false.
/// Dropping the last handle of an unfinished stream fails it with `internal`; before its first
/// byte, while a handle of its exchange is left, it is as if it had never begun.
class EventStream {
 public:
  /// Appends to the outgoing buffer. False: the stream is over, stop producing.
  bool send(const ServerEvent& event);
  bool send(std::string_view data) { return send(ServerEvent{.data = data}); }
  bool line(std::string_view json);     // and a line feed, of Format::lines
  bool comment(std::string_view text);  // ": text\n\n"
  bool write(std::string_view bytes);   // as they are
  /// "data: [DONE]\n\n", the end of OpenAI's streams, and finish().
  void done();
  void finish();
  /// The error event of the route's dialect, and finish().
  void fail(const RequestError& error);
  void fail(const std::exception_ptr& failure);

  /// False while more than half of the outgoing buffer waits for the client. A producer that goes
  /// on regardless until the buffer overflows loses the stream (slow_reader).
  bool writable() const;
  /// Calls once when the stream is writable again, at once if it is; never after the end. Runs on
  /// an I/O thread or in the caller: it must not block, nor throw.
  void on_writable(std::function<void()> call);
  bool closed() const;
  /// Calls once when the exchange ends before its answer is complete, at once if it has. Runs on
  /// an I/O thread or in the caller: it must not block, nor throw. The call is dropped after
  /// finish().
  void on_closed(std::function<void(ClosedBecause)> call);

  /// As Exchange's.
  void summarise(RequestSummary summary);

 private:
  friend class Exchange;
  explicit EventStream(std::shared_ptr<ExchangeState> state, std::shared_ptr<void> guard);
  std::shared_ptr<ExchangeState> state_;
  std::shared_ptr<void> guard_;  // its last owner is the stream's last handle
};

/// A request and the one answer it gets: a handle, copies are the same exchange. A handler keeps
/// one to answer later from any thread. Dropping the last handle unanswered answers 500.
class Exchange {
 public:
  const HttpRequest& request() const;

  /// Answers. The second answer to an exchange is our bug and is ignored with a log line.
  void reply(HttpReply reply);
  void fail(const RequestError& error);
  void fail(const std::exception_ptr& failure);
  EventStream stream(StreamReply reply = {});

  /// While the handler works on a plain reply: as EventStream's.
  bool closed() const;
  void on_closed(std::function<void(ClosedBecause)> call);

  /// What the request's log line says of it. Before the answer is complete; the last call wins.
  void summarise(RequestSummary summary);

 private:
  friend Exchange hand_out(const std::shared_ptr<ExchangeState>& state);
  explicit Exchange(std::shared_ptr<ExchangeState> state);
  std::shared_ptr<ExchangeState> state_;
  std::shared_ptr<void> guard_;
};

/// Runs on a handler thread (or, for Route::Options::on_io_thread, on an I/O thread). May block for
/// short work; waits for a model are to be asynchronous: keep the exchange and return. What it
/// throws becomes the error reply.
using Handler = std::function<void(Exchange)>;

/// A handler that answers before it returns.
Handler answering(std::function<HttpReply(const HttpRequest&)> answer);

}  // namespace deepseek::serve
