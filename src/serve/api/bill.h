// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/scheduler/ticket.h"
#include "serve/http/message.h"
#include "serve/store/idempotency.h"
#include "serve/store/meter.h"

namespace deepseek::serve {

class Accounts;

/// What a request may use at most.
struct Demand {
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;     // of all choices
  bool output_is_stated = true;  // the client bounded it, not the context alone
};

/// A reply that is kept if and only if its request is charged.
struct KeptReply {
  std::string owner, idempotency_key;
  store::StoredReply reply;
};

/// What one admitted request holds until it is over: its place among the key's requests, tokens of
/// the key's minute, and money. Thread-safe. Dropped without settle(), it charges what was
/// produced. What is charged nothing leaves no row in the ledger.
class Bill {
 public:
  /// Of a request that nobody counts.
  Bill() = default;
  ~Bill();
  Bill(const Bill&) = delete;
  Bill& operator=(const Bill&) = delete;

  /// Tokens of output that the request has more: charged should this process die.
  void produced(int64_t tokens);
  /// The end: charges the tokens and gives back the rest, and keeps the reply. Does nothing the
  /// second time. False when the reply is left to the caller: nothing was to be charged.
  bool settle(const store::TokenCounts& used, store::Outcome outcome,
              std::optional<KeptReply> kept = {});
  /// x-ratelimit-… of the key's limits.
  const HttpHeaders& headers() const { return headers_; }

 private:
  friend class Accounts;
  std::shared_ptr<Accounts> accounts_;  // null: nobody counts
  std::string key_id_, id_;             // id_ is empty until money is reserved
  Demand demand_;
  int64_t rate_tokens_ = 0;
  HttpHeaders headers_;
  std::mutex mutex_;
  bool settled_ = false;
  store::TokenCounts produced_;
};

/// The reply, with what it says of the key's limits.
HttpReply with_limits(HttpReply reply, const Bill& bill);

/// What a request that ended so is charged for. A prompt counts once it began to be computed, an
/// output as far as it came; a failure that left the client without any of it is free. One whose
/// time was over pays the tokens that it produced and nothing else, unless it asked for the limit
/// itself (`own_limit`).
store::TokenCounts charged_tokens(const Finished& end, bool streamed, bool own_limit);

/// How the ledger calls such an end.
store::Outcome outcome_of(const Finished& end, bool cancelled);

}  // namespace deepseek::serve
