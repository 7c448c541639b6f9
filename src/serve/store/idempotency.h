// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/store/database.h"
#include "serve/store/owner.h"

namespace deepseek::store {

/// A reply as it went out: of a stream, all its events.
struct StoredReply {
  int64_t status = 200;
  std::string headers;  // as the caller wrote them
  std::string body;
};

/// What becomes of a request that carries an Idempotency-Key.
struct IdempotencyAnswer {
  enum class State {
    started,      // the first of its kind: run it, then finish or abandon
    in_progress,  // the first is still running, here or in another process
    stored,       // it was answered: send `reply` again
    conflict,     // the key came with another body before
    not_kept,     // it was answered, but the reply was too large to keep
  };
  State state = State::started;
  StoredReply reply;
};

struct IdempotencyLimits {
  int64_t lifetime_ms = 24 * 3'600'000;
  int64_t largest_reply_bytes = 8 << 20;
  int64_t largest_total_bytes = int64_t{1} << 30;  // of all replies; the oldest go first
  int64_t most_records = 100'000;
};

/// Replies by API key and Idempotency-Key, so that a repeated request is neither computed nor
/// charged twice.
class Idempotency {
 public:
  /// `owner` is this process and outlives this.
  Idempotency(Database& database, const Owner& owner, Clock clock = system_clock_ms,
              IdempotencyLimits limits = {});

  /// The caller bounds `idempotency_key`; 256 bytes are refused here with invalid_input. A request
  /// whose process died counts as never begun.
  IdempotencyAnswer begin(const std::string& key_id, const std::string& idempotency_key,
                          std::string_view body);
  /// Keeps the reply of a request that `begin` started.
  void finish(const std::string& key_id, const std::string& idempotency_key,
              const StoredReply& reply);
  /// The same within a transaction. False when `begin` did not start it here.
  bool finish(Connection& connection, const std::string& key_id, const std::string& idempotency_key,
              const StoredReply& reply);
  /// The request failed in a way that may be tried again; nothing is kept.
  void abandon(const std::string& key_id, const std::string& idempotency_key);

  /// Drops what is too old or too much. Call it every minute or so.
  void tidy();

 private:
  Database& database_;
  const Owner& owner_;
  Clock clock_;
  IdempotencyLimits limits_;
};

}  // namespace deepseek::store
