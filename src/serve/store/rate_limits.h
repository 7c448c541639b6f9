// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "serve/store/database.h"
#include "serve/store/keys.h"

namespace deepseek::store {

/// How a key stands against one limit, for the headers x-ratelimit-{limit,remaining,reset}.
struct LimitState {
  int64_t limit = 0;
  int64_t remaining = 0;
  int64_t reset_ms = 0;  // until all of the limit is there again
};

/// The answer to a request for admission.
struct RateAnswer {
  enum class Refusal { none, requests, tokens, concurrency, too_large };
  Refusal refusal = Refusal::none;
  /// When trying again makes sense; 0 where it never does (too_large: more tokens than a minute
  /// has) or nobody knows.
  int64_t retry_after_ms = 0;
  std::optional<LimitState> requests, tokens;  // of limits that are set

  bool admitted() const { return refusal == Refusal::none; }
};

/// Requests and tokens per minute and requests at once, for each key: token buckets that hold a
/// minute's worth and fill evenly. In memory, for this process alone; exact integers.
class RateLimiter {
 public:
  /// `clock` may be any that does not run backwards.
  explicit RateLimiter(Clock clock);

  /// Takes one request and `tokens` (prompt and most output) out of the buckets and counts the
  /// request as running, or takes nothing and says why. Every admission is followed by one
  /// release.
  RateAnswer admit(const std::string& key_id, const Limits& limits, int64_t tokens);
  /// The request is over and used `used` tokens instead of the `admitted`: the difference goes
  /// back, or is owed.
  void release(const std::string& key_id, int64_t admitted, int64_t used);
  /// As things are now, taking nothing.
  RateAnswer look(const std::string& key_id, const Limits& limits);

 private:
  // Levels are counted in 1/60000 of a request or token: a limit of n a minute adds n a
  // millisecond.
  struct Bucket {
    int64_t limit = 0, level = 0, at_ms = 0;
    bool fresh = true;
  };
  struct Account {
    Bucket requests, tokens;
    int64_t running = 0;
  };

  static void fill(Bucket& bucket, int64_t limit, int64_t now_ms);
  static LimitState state_of(const Bucket& bucket);
  static int64_t wait_ms(const Bucket& bucket, int64_t amount);
  RateAnswer describe(const Account& account, const Limits& limits) const;
  void refresh(Account& account, const Limits& limits, int64_t now_ms) const;
  void drop_idle(int64_t now_ms);

  Clock clock_;
  std::mutex mutex_;
  std::map<std::string, Account, std::less<>> accounts_;
  int64_t swept_at_ms_ = 0;
};

}  // namespace deepseek::store
