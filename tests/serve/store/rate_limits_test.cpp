// SPDX-License-Identifier: Apache-2.0
#include "serve/store/rate_limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using deepseek::testing::ManualClock;
using Refusal = RateAnswer::Refusal;

struct RateLimits : ::testing::Test {
  ManualClock clock;
  RateLimiter limiter{clock};
};

TEST_F(RateLimits, RequestsRunOutAndComeBackEvenly) {
  const Limits limits{.requests_per_minute = 6};
  for (int i = 0; i < 6; ++i) {
    const RateAnswer answer = limiter.admit("k", limits, 1);
    EXPECT_TRUE(answer.admitted());
    EXPECT_EQ(answer.requests->limit, 6);
    EXPECT_EQ(answer.requests->remaining, 5 - i);
    EXPECT_EQ(answer.requests->reset_ms, 10'000 * (i + 1));
    EXPECT_FALSE(answer.tokens);
  }
  const RateAnswer refused = limiter.admit("k", limits, 1);
  EXPECT_EQ(refused.refusal, Refusal::requests);
  EXPECT_EQ(refused.retry_after_ms, 10'000);
  EXPECT_EQ(refused.requests->remaining, 0);
  clock.advance(9'999);
  EXPECT_EQ(limiter.admit("k", limits, 1).retry_after_ms, 1);
  clock.advance(1);
  EXPECT_TRUE(limiter.admit("k", limits, 1).admitted());
  EXPECT_TRUE(limiter.admit("another", limits, 1).admitted());
}

TEST_F(RateLimits, ARefusalTakesNothing) {
  const Limits limits{.requests_per_minute = 10, .tokens_per_minute = 100};
  EXPECT_TRUE(limiter.admit("k", limits, 80).admitted());
  const RateAnswer refused = limiter.admit("k", limits, 50);
  EXPECT_EQ(refused.refusal, Refusal::tokens);
  EXPECT_EQ(refused.retry_after_ms, 18'000);  // 30 tokens at 100 a minute
  EXPECT_EQ(refused.requests->remaining, 9);
  EXPECT_EQ(refused.tokens->remaining, 20);
  EXPECT_TRUE(limiter.admit("k", limits, 20).admitted());
}

TEST_F(RateLimits, UnusedTokensGoBackAndExcessIsOwed) {
  const Limits limits{.tokens_per_minute = 1000};
  limiter.admit("k", limits, 900);
  limiter.release("k", 900, 100);
  EXPECT_EQ(limiter.look("k", limits).tokens->remaining, 900);
  limiter.admit("k", limits, 900);
  limiter.release("k", 900, 1400);
  const RateAnswer refused = limiter.admit("k", limits, 1);
  EXPECT_EQ(refused.refusal, Refusal::tokens);
  EXPECT_EQ(refused.tokens->remaining, 0);
  EXPECT_EQ(refused.retry_after_ms, 30'060);
  clock.advance(30'060);
  EXPECT_TRUE(limiter.admit("k", limits, 1).admitted());
}

TEST_F(RateLimits, MoreThanAMinuteHoldsIsNeverAdmitted) {
  const RateAnswer answer = limiter.admit("k", {.tokens_per_minute = 10}, 11);
  EXPECT_EQ(answer.refusal, Refusal::too_large);
  EXPECT_EQ(answer.retry_after_ms, 0);
}

TEST_F(RateLimits, ConcurrencyCountsWhatRuns) {
  const Limits limits{.concurrency = 2};
  EXPECT_TRUE(limiter.admit("k", limits, 1).admitted());
  EXPECT_TRUE(limiter.admit("k", limits, 1).admitted());
  EXPECT_EQ(limiter.admit("k", limits, 1).refusal, Refusal::concurrency);
  limiter.release("k", 1, 1);
  EXPECT_TRUE(limiter.admit("k", limits, 1).admitted());
}

TEST_F(RateLimits, AChangedLimitTakesEffectAtOnce) {
  limiter.admit("k", {.requests_per_minute = 2}, 1);
  EXPECT_EQ(limiter.look("k", {.requests_per_minute = 100}).requests->remaining, 1);
  clock.advance(60'000);
  EXPECT_EQ(limiter.look("k", {.requests_per_minute = 100}).requests->remaining, 100);
  EXPECT_TRUE(limiter.admit("k", {}, int64_t{1} << 30).admitted());
}

TEST_F(RateLimits, ThreadsNeverExceedALimit) {
  const Limits limits{.requests_per_minute = 500, .tokens_per_minute = 4000, .concurrency = 1000};
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i)
        if (limiter.admit("k", limits, 10).admitted()) ++admitted;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 400);
}

TEST_F(RateLimits, IdleKeysAreForgottenAndBusyOnesKept) {
  limiter.admit("busy", {.concurrency = 1}, 1);
  for (int i = 0; i < 100; ++i) {
    limiter.admit(concat("k", i), {.requests_per_minute = 1}, 1);
    limiter.release(concat("k", i), 1, 1);
  }
  clock.advance(200'000);
  EXPECT_TRUE(limiter.admit("k1", {.requests_per_minute = 1}, 1).admitted());
  EXPECT_EQ(limiter.admit("busy", {.concurrency = 1}, 1).refusal, Refusal::concurrency);
}

}  // namespace
}  // namespace deepseek::store
