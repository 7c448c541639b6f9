// SPDX-License-Identifier: Apache-2.0
// Requests that are sent again.
#include <gtest/gtest.h>

#include "tests/serve/api/accounted_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::AccountedServer;
using testing::eventually;
using testing::RawClient;

class Repeated : public AccountedServer {
 protected:
  static constexpr const char* same = "Idempotency-Key: one\r\n";
};

TEST_F(Repeated, IsNeitherComputedNorChargedTwice) {
  const std::string secret = key_with(1'000'000).secret;
  start();
  for (const bool stream : {false, true}) {
    // Without a seed two answers differ, and their ids do anyway.
    const json body = chat({{"stream", stream}, {"seed", nullptr}});
    const std::string header = concat("Idempotency-Key: ", stream, "\r\n");
    const RawClient::Reply first = post("/v1/chat/completions", body, secret, header);
    const RawClient::Reply second = post("/v1/chat/completions", body, secret, header);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(second.body, first.body);
    EXPECT_EQ(second.field("Content-Type"), first.field("Content-Type"));
    EXPECT_FALSE(first.has("idempotent-replayed"));
    EXPECT_EQ(second.field("idempotent-replayed"), "true");
  }
  EXPECT_EQ(charges().size(), 2U);
}

TEST_F(Repeated, WithAnotherBodyOrPathIsAConflict) {
  const std::string secret = key_with(1'000'000).secret;
  const std::string other = keys.create({.name = "bob"}).secret;
  start();
  EXPECT_EQ(post("/v1/chat/completions", chat(), secret, same).status, 200);
  const RawClient::Reply conflict = post("/v1/chat/completions", chat({{"seed", 6}}), secret, same);
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.field("x-should-retry"), "false");
  EXPECT_EQ(error_of(conflict).at("code"), "idempotency_conflict");
  EXPECT_EQ(post("/v1/completions", chat({{"prompt", "x"}}), secret, same).status, 409);
  EXPECT_FALSE(post("/v1/chat/completions", chat(), other, same).has("idempotent-replayed"));
  const std::string long_key = "Idempotency-Key: " + std::string(256, 'k') + "\r\n";
  EXPECT_EQ(post("/v1/chat/completions", chat(), secret, long_key).status, 400);
}

TEST_F(Repeated, AfterAFailureItRunsAnew) {
  const std::string secret = key_with(1'000'000).secret;
  start();
  EXPECT_EQ(post("/v1/chat/completions", chat({{"n", 0}}), secret, same).status, 422);
  EXPECT_EQ(post("/v1/chat/completions", chat(), secret, same).status, 200);
}

TEST_F(Repeated, FindsTheWholeStreamOfAClientThatWasCutOff) {
  const std::string secret = key_with(1'000'000).secret;
  start();
  const json body = chat({{"stream", true}, {"max_tokens", 400}});
  {
    RawClient client(address());
    client.post("/v1/chat/completions", body.dump(),
                std::string("Content-Type: application/json\r\n") + sent(secret) + same);
    client.reply_head();
    client.read_until("data: ");
  }
  RawClient::Reply again;
  ASSERT_TRUE(eventually([&] {
    again = post("/v1/chat/completions", body, secret, same);
    if (again.status == 409) {
      EXPECT_EQ(again.field("x-should-retry"), "true");
    }
    return again.status == 200;
  }));
  EXPECT_EQ(again.field("idempotent-replayed"), "true");
  EXPECT_TRUE(again.body.ends_with("data: [DONE]\n\n"));
  ASSERT_EQ(charges().size(), 1U);
  EXPECT_EQ(charges()[0].outcome, "complete");
  EXPECT_EQ(charges()[0].tokens.output, 400);
}

}  // namespace
}  // namespace deepseek::serve
