// SPDX-License-Identifier: Apache-2.0
#include "serve/store/rate_limits.h"

#include <algorithm>

#include "core/divide.h"
#include "core/error.h"

namespace deepseek::store {
namespace {

constexpr int64_t minute_ms = 60'000;
// Nobody knows when one of the running requests ends; SDKs take this as a polite pause.
constexpr int64_t concurrency_retry_ms = 1000;
constexpr int64_t largest_token_request = int64_t{1} << 40;

}  // namespace

RateLimiter::RateLimiter(Clock clock) : clock_(std::move(clock)) {}

void RateLimiter::fill(Bucket& bucket, int64_t limit, int64_t now_ms) {
  const int64_t capacity = limit * minute_ms;
  if (bucket.fresh) {
    bucket = {limit, capacity, now_ms, false};
    return;
  }
  // Time that passed fills at the rate of today's limit. A full minute fills any bucket; only what
  // is owed takes longer.
  const int64_t passed_ms = std::max<int64_t>(0, now_ms - bucket.at_ms);
  const int64_t owed = std::max<int64_t>(0, -bucket.level);
  if (passed_ms >= minute_ms + owed / limit + 1)
    bucket.level = capacity;
  else
    bucket.level = std::min(bucket.level + passed_ms * limit, capacity);
  bucket.limit = limit;
  bucket.at_ms = std::max(now_ms, bucket.at_ms);
}

LimitState RateLimiter::state_of(const Bucket& bucket) {
  const int64_t missing = bucket.limit * minute_ms - bucket.level;
  return {bucket.limit, std::max<int64_t>(0, bucket.level / minute_ms),
          divide_up(missing, bucket.limit)};
}

int64_t RateLimiter::wait_ms(const Bucket& bucket, int64_t amount) {
  const int64_t missing = amount * minute_ms - bucket.level;
  return missing <= 0 ? 0 : divide_up(missing, bucket.limit);
}

void RateLimiter::refresh(Account& account, const Limits& limits, int64_t now_ms) const {
  if (limits.requests_per_minute) fill(account.requests, *limits.requests_per_minute, now_ms);
  if (limits.tokens_per_minute) fill(account.tokens, *limits.tokens_per_minute, now_ms);
  if (!limits.requests_per_minute) account.requests = {};
  if (!limits.tokens_per_minute) account.tokens = {};
}

RateAnswer RateLimiter::describe(const Account& account, const Limits& limits) const {
  RateAnswer answer;
  if (limits.requests_per_minute) answer.requests = state_of(account.requests);
  if (limits.tokens_per_minute) answer.tokens = state_of(account.tokens);
  return answer;
}

RateAnswer RateLimiter::admit(const std::string& key_id, const Limits& limits, int64_t tokens) {
  if (tokens < 0 || tokens > largest_token_request)
    fail(ErrorKind::internal, "rate limits: ", tokens, " tokens are out of range");
  const int64_t now_ms = clock_();
  const std::lock_guard lock(mutex_);
  drop_idle(now_ms);
  Account& account = accounts_[key_id];
  refresh(account, limits, now_ms);
  const auto refuse = [&](RateAnswer::Refusal refusal, int64_t retry_after_ms) {
    RateAnswer answer = describe(account, limits);
    answer.refusal = refusal;
    answer.retry_after_ms = retry_after_ms;
    return answer;
  };
  if (limits.tokens_per_minute && tokens > *limits.tokens_per_minute)
    return refuse(RateAnswer::Refusal::too_large, 0);
  if (limits.requests_per_minute && account.requests.level < minute_ms)
    return refuse(RateAnswer::Refusal::requests, wait_ms(account.requests, 1));
  if (limits.tokens_per_minute && account.tokens.level < tokens * minute_ms)
    return refuse(RateAnswer::Refusal::tokens, wait_ms(account.tokens, tokens));
  if (limits.concurrency && account.running >= *limits.concurrency)
    return refuse(RateAnswer::Refusal::concurrency, concurrency_retry_ms);
  if (limits.requests_per_minute) account.requests.level -= minute_ms;
  if (limits.tokens_per_minute) account.tokens.level -= tokens * minute_ms;
  ++account.running;
  return describe(account, limits);
}

void RateLimiter::release(const std::string& key_id, int64_t admitted, int64_t used) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(key_id);
  if (found == accounts_.end() || found->second.running == 0)
    fail(ErrorKind::internal, "rate limits: released what was not admitted");
  Account& account = found->second;
  --account.running;
  Bucket& tokens = account.tokens;
  if (tokens.fresh) return;  // the limit was taken away meanwhile
  const int64_t back = std::clamp(admitted - used, -largest_token_request, largest_token_request);
  tokens.level = std::min(tokens.level + back * minute_ms, tokens.limit * minute_ms);
}

RateAnswer RateLimiter::look(const std::string& key_id, const Limits& limits) {
  const int64_t now_ms = clock_();
  const std::lock_guard lock(mutex_);
  Account account;
  if (const auto found = accounts_.find(key_id); found != accounts_.end()) account = found->second;
  refresh(account, limits, now_ms);
  return describe(account, limits);
}

void RateLimiter::drop_idle(int64_t now_ms) {
  if (now_ms < swept_at_ms_ + minute_ms) return;
  swept_at_ms_ = now_ms;
  for (auto entry = accounts_.begin(); entry != accounts_.end();) {
    const Account& account = entry->second;
    const auto idle = [&](const Bucket& bucket) {
      return bucket.fresh || (bucket.level >= 0 && now_ms - bucket.at_ms > minute_ms);
    };
    const bool gone = account.running == 0 && idle(account.requests) && idle(account.tokens);
    entry = gone ? accounts_.erase(entry) : std::next(entry);
  }
}

}  // namespace deepseek::store
