// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "serve/http/exchange.h"

namespace deepseek::serve {

struct ReplayConfig {
  int64_t stream_bytes = 1 << 20;  // kept of one stream, its oldest events forgotten first
  int64_t all_bytes = 256 << 20;   // of all; the longest ended streams are forgotten first
  int64_t streams = 4096;
  int64_t ttl_ms = 120'000;  // after a stream ended, and for a live one without a reader
};

class ReplayJournal;

/// A stream of events that outlives its connection. The producer writes here; one client at a time
/// follows, and may come back with Last-Event-ID for what it has not seen, byte for byte. A handle;
/// copies are the same stream. Members may be called from any thread and none blocks.
class ReplayStream {
 public:
  /// Numbers the event ("<stream>.<n>") and hands it on. False: ended or abandoned, stop producing.
  bool send(std::string_view data, std::string_view event = {});
  /// "data: [DONE]" with its id, and finish().
  void done();
  void finish();
  /// The error event of a dialect with its id, and finish().
  void fail(const RequestError& error, ErrorDialect dialect, std::string_view request_id);

  /// Makes `stream` the client: sends what follows event `after` (0: everything), then live events
  /// as they come and as it reads. The client before it is let go. Throws RequestError 410 when
  /// events after `after` are forgotten, 400 when there is no such event yet.
  void follow(EventStream stream, int64_t after = 0);

  /// False while so much waits for the client that sending more would forget unread events.
  bool writable() const;
  void on_writable(std::function<void()> call);
  /// True once nobody can read what is sent: no client for the time to live.
  bool abandoned() const;
  /// Calls once when it becomes abandoned (at once if it is); dropped after finish().
  void on_abandoned(std::function<void()> call);

  const std::string& id() const;

 private:
  friend class ReplayStore;
  explicit ReplayStream(std::shared_ptr<ReplayJournal> journal) : journal_(std::move(journal)) {}
  std::shared_ptr<ReplayJournal> journal_;
};

/// The streams of this process. Its own thread forgets what is past its time.
class ReplayStore {
 public:
  explicit ReplayStore(ReplayConfig config = {});
  ~ReplayStore();
  ReplayStore(const ReplayStore&) = delete;
  ReplayStore& operator=(const ReplayStore&) = delete;

  /// A new stream of `owner` (a principal's id; only it may come back). Throws RequestError 503
  /// when the store is full of live streams.
  ReplayStream open(std::string owner);

  struct Position {
    ReplayStream stream;
    int64_t after;  // number of the last event the client has
  };
  /// What a Last-Event-ID names. Throws RequestError 400 for a malformed id, 404 for a stream that
  /// is not there or is another owner's.
  Position find(std::string_view last_event_id, std::string_view owner);

  int64_t bytes() const;
  int64_t streams() const;
  /// Forgets what is past its time; the store's thread calls it by itself.
  void sweep(std::chrono::steady_clock::time_point now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deepseek::serve
