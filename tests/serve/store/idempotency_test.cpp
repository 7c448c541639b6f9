// SPDX-License-Identifier: Apache-2.0
#include "serve/store/idempotency.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;
using State = IdempotencyAnswer::State;

class IdempotencyOn : public OnBothBackends {
 protected:
  void SetUp() override {
    OnBothBackends::SetUp();
    if (!IsSkipped()) owner = std::make_unique<Owner>(*database, clock);
  }
  Idempotency make(IdempotencyLimits limits = {}) { return {*database, *owner, clock, limits}; }
  std::unique_ptr<Owner> owner;
};
RUN_ON_BOTH_BACKENDS(IdempotencyOn);

TEST_P(IdempotencyOn, ARepeatedRequestGetsTheSameBytes) {
  Idempotency replies = make();
  const std::string events =
      std::string("data: {\"a\":\"\0\xe4\xb8\xad\"}\n\ndata: [DONE]\n\n", 31);
  EXPECT_EQ(replies.begin("k", "one", "body").state, State::started);
  EXPECT_EQ(replies.begin("k", "one", "body").state, State::in_progress);
  EXPECT_EQ(replies.begin("k", "one", "other body").state, State::conflict);
  replies.finish("k", "one", {200, "content-type: text/event-stream", events});
  const IdempotencyAnswer again = replies.begin("k", "one", "body");
  EXPECT_EQ(again.state, State::stored);
  EXPECT_EQ(again.reply.status, 200);
  EXPECT_EQ(again.reply.headers, "content-type: text/event-stream");
  EXPECT_EQ(again.reply.body, events);
  EXPECT_EQ(replies.begin("k", "one", "other body").state, State::conflict);
  // Another key, and another header, are other requests.
  EXPECT_EQ(replies.begin("l", "one", "body").state, State::started);
  EXPECT_EQ(replies.begin("k", "two", "body").state, State::started);
}

TEST_P(IdempotencyOn, AFailureMayBeTriedAgain) {
  Idempotency replies = make();
  replies.begin("k", "one", "body");
  replies.abandon("k", "one");
  EXPECT_EQ(replies.begin("k", "one", "another body").state, State::started);
  refused(ErrorKind::internal, [&] { replies.finish("k", "never", {}); });
}

TEST_P(IdempotencyOn, RepliesAreDroppedWhenTheyAreOldOrTooMuch) {
  Idempotency replies = make({.lifetime_ms = 1000,
                              .largest_reply_bytes = 10,
                              .largest_total_bytes = 25,
                              .most_records = 100});
  const auto keep = [&](const std::string& key, const std::string& body) {
    replies.begin("k", key, "b");
    replies.finish("k", key, {200, "", body});
    clock.advance(10);
  };
  keep("large", std::string(11, 'x'));
  EXPECT_EQ(replies.begin("k", "large", "b").state, State::not_kept);
  for (const char* key : {"1", "2", "3"}) keep(key, std::string(10, 'x'));
  replies.begin("k", "running", "b");
  replies.tidy();
  EXPECT_EQ(replies.begin("k", "3", "b").state, State::stored);
  EXPECT_EQ(replies.begin("k", "2", "b").state, State::stored);
  EXPECT_EQ(replies.begin("k", "1", "b").state, State::started);
  clock.advance(2000);
  EXPECT_EQ(replies.begin("k", "3", "another").state, State::started);
  replies.tidy();
  EXPECT_EQ(replies.begin("k", "running", "b").state, State::in_progress);
}

TEST_P(IdempotencyOn, ARequestWhoseProcessDiedCountsAsNeverBegun) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto* own = new Database(location);
    auto* process = new Owner(*own, clock);
    Idempotency(*own, *process, clock).begin("k", "one", "body");
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  Idempotency replies = make();
  EXPECT_EQ(replies.begin("k", "one", "body").state, State::started);
  EXPECT_EQ(replies.begin("k", "one", "body").state, State::in_progress);
}

TEST_P(IdempotencyOn, AKeyThatIsNoneIsRefused) {
  Idempotency replies = make();
  for (const std::string& key :
       {std::string(), std::string(256, 'x'), std::string("\xff"), std::string("a\0b", 3)})
    refused(ErrorKind::invalid_input, [&] { replies.begin("k", key, ""); });
}

}  // namespace
}  // namespace deepseek::store
