// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "serve/api/accounts.h"
#include "serve/http/exchange.h"
#include "serve/http/replay.h"

namespace deepseek::serve {

struct ApiContext;

/// The one answer to a request, whole or as a stream. That of a request with an Idempotency-Key is
/// kept in the store as it goes out, and is made to its end even when the client leaves, so that
/// the client that comes back finds it. A stream of events whose request says `x-resumable: true`
/// numbers them and goes on without its client for a while: who comes back with the Last-Event-ID
/// it has gets the rest. Thread-safe.
class Answer {
 public:
  /// Answers a repeated request at once with what the first was answered, and one that comes back
  /// for a stream with the rest of it; null then. `dialect`: the route's. Throws RequestError 409
  /// when the first is not over yet or was another request, and as ReplayStore::find.
  static std::shared_ptr<Answer> begin(Exchange exchange,
                                       const std::shared_ptr<ApiContext>& context,
                                       ErrorDialect dialect = ErrorDialect::openai);
  Answer(Exchange exchange, std::shared_ptr<ApiContext> context, ErrorDialect dialect,
         std::string idempotency_key);
  /// Unanswered: the exchange fails, and a repeated request begins anew.
  ~Answer();
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  const HttpRequest& request() const { return exchange_.request(); }
  /// What the request costs if its answer becomes complete: charged by finish(), done() or reply(),
  /// in one step with keeping the answer. An answer that fails charges what its bill has noted.
  void charge_at_end(std::shared_ptr<Bill> bill, const store::TokenCounts& used,
                     store::Outcome outcome);
  /// Fields of whatever is answered.
  void add_headers(const HttpHeaders& headers);

  void begin_stream(StreamReply::Format format = StreamReply::Format::events);
  bool streams() const { return stream_.has_value(); }
  void send(const ServerEvent& event);
  void send(std::string_view data) { send(ServerEvent{.data = data}); }
  /// A line of a stream of lines.
  void line(std::string_view json);
  /// The end of a stream; done() with "data: [DONE]" before it.
  void finish();
  void done();
  void reply(HttpReply reply);
  void fail(const std::exception_ptr& failure);
  void summarise(RequestSummary summary) { exchange_.summarise(std::move(summary)); }

  /// As EventStream's: false while the client has much to read. Always true without a stream, after
  /// its end, and when nobody reads any more.
  bool writable() const;
  void on_writable(std::function<void()> call);
  /// Calls once when nobody waits for the answer any more: the client left, or the server stops.
  void on_abandoned(std::function<void()> call);

 private:
  struct Charge {
    std::shared_ptr<Bill> bill;
    store::TokenCounts used;
    store::Outcome outcome;
  };

  void release_key();
  /// Before the client can see the end: charges, and keeps what a repeated request is answered.
  void settle(int64_t status, const HttpHeaders& headers, const std::string& body);
  void keep_bytes(std::string_view bytes);

  Exchange exchange_;
  std::optional<EventStream> stream_;
  std::optional<ReplayStream> replay_;  // what the stream follows when it is resumable
  StreamReply::Format format_ = StreamReply::Format::events;
  HttpHeaders headers_;
  const std::shared_ptr<ApiContext> context_;
  const ErrorDialect dialect_;
  const std::string idempotency_key_;  // empty: nothing is kept
  std::mutex mutex_;
  std::string kept_;  // of a stream
  std::optional<Charge> charge_;
  std::atomic<bool> ended_ = false;  // of a stream: nothing is written any more
  bool over_ = false;
};

/// Why an answer ends that nobody waits for.
RequestError cut_off();

}  // namespace deepseek::serve
