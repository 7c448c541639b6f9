// SPDX-License-Identifier: Apache-2.0
// What requests cost, over HTTP.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/error.h"
#include "serve/store/store.h"
#include "tests/serve/api/accounted_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::AccountedServer;
using testing::eventually;
using testing::RawClient;
using Money = AccountedServer;

/// In USD a million tokens: 1, 2 and 4 micro-units a token.
constexpr const char* prices =
    "currency: USD\nzone: UTC\nmodels:\n"
    "  tiny: [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]\n";
/// Where a cached prompt costs the same, every such request does.
constexpr const char* flat_prices =
    "currency: USD\nzone: UTC\nmodels:\n"
    "  tiny: [{from: 2020-01-01, hit: 2, miss: 2, output: 4}]\n";

int64_t cost_of(const json& usage) {
  return usage["prompt_cache_hit_tokens"].get<int64_t>() +
         2 * usage["prompt_cache_miss_tokens"].get<int64_t>() +
         4 * usage["completion_tokens"].get<int64_t>();
}

TEST_F(Money, ARequestPaysForItsTokensGrantedMoneyFirst) {
  const store::NewKey key = key_with(50, 1'000'000);
  start(prices);
  int64_t cost = 0;
  for (int i = 0; i < 2; ++i)
    cost += cost_of(json::parse(post("/v1/chat/completions", chat(), key.secret).body)["usage"]);
  const json several = {
      {"prompt", {"he", "x", "y"}}, {"max_tokens", 3}, {"n", 2}, {"ignore_eos", true}};
  const json page = json::parse(post("/v1/completions", several, key.secret).body);
  EXPECT_EQ(page["usage"]["completion_tokens"], 18);
  cost += cost_of(page["usage"]);

  const std::vector<store::LedgerEntry> rows = charges();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].granted_micro, -50);
  EXPECT_EQ(rows[1].granted_micro, 0);
  EXPECT_EQ(rows[0].model, "tiny");
  for (const store::LedgerEntry& row : rows) EXPECT_EQ(row.outcome, "complete");
  const store::Balance balance = balances.get(key.key.id);
  EXPECT_EQ(balance.total_micro(), 1'000'050 - cost);
  EXPECT_EQ(balance.reserved_micro, 0);
  EXPECT_EQ(ledger.verify().problem, "");

  const json told = json::parse(get("/user/balance", key.secret).body);
  EXPECT_EQ(told, json({{"is_available", true},
                        {"balance_infos",
                         {{{"currency", "USD"},
                           {"total_balance", store::money_text(1'000'050 - cost)},
                           {"granted_balance", "0.00"},
                           {"topped_up_balance", store::money_text(1'000'050 - cost)}}}}}));
}

TEST_F(Money, WhatTheBalanceDoesNotCoverIsRefused) {
  const store::NewKey key = key_with(60);
  start(prices);
  const RawClient::Reply reply = post("/v1/chat/completions", chat(), key.secret);
  EXPECT_EQ(reply.status, 402);
  EXPECT_EQ(reply.field("x-should-retry"), "false");
  const json error = error_of(reply);
  EXPECT_TRUE(error.at("message").get<std::string>().starts_with("Insufficient Balance"));
  EXPECT_EQ(error.at("type"), "unknown_error");
  EXPECT_EQ(error.at("code"), "invalid_request_error");
  EXPECT_TRUE(error.at("param").is_null());
  EXPECT_TRUE(charges().empty());
  EXPECT_EQ(balances.get(key.key.id).reserved_micro, 0);
  balances.credit(key.key.id, store::Credit::top_up, 1000, "");
  EXPECT_EQ(post("/v1/chat/completions", chat(), key.secret).status, 200);
}

TEST_F(Money, ParallelRequestsNeverOverdraw) {
  start(flat_prices);
  const store::NewKey probe = key_with(1'000'000);
  const json usage = json::parse(post("/v1/chat/completions", chat(), probe.secret).body)["usage"];
  const int64_t cost =
      2 * usage["prompt_tokens"].get<int64_t>() + 4 * usage["completion_tokens"].get<int64_t>();
  const store::NewKey key = key_with(5 * cost + cost / 2);
  std::atomic<int> good{0}, refused{0};
  std::vector<std::thread> clients;
  clients.reserve(40);
  for (int i = 0; i < 40; ++i)
    clients.emplace_back([&, i] {
      const json body = chat({{"seed", i}, {"stream", i % 2 == 0}});
      const int status = post("/v1/chat/completions", body, key.secret).status;
      good += status == 200;
      refused += status == 402;
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 5);
  EXPECT_EQ(refused, 35);
  const store::Balance balance = balances.get(key.key.id);
  EXPECT_EQ(balance.total_micro(), cost / 2);
  EXPECT_EQ(balance.reserved_micro, 0);
  EXPECT_EQ(ledger.verify().problem, "");
}

TEST_F(Money, AStreamThatIsLeftPaysForWhatWasProduced) {
  const store::NewKey key = key_with(100'000'000);
  config.http.stream_buffer_bytes = 4 << 10;
  start(prices);
  {
    // More than sockets and buffers hold: it cannot end unread.
    RawClient reader(address());
    reader.small_receive_buffer();
    reader.post("/v1/chat/completions",
                chat({{"stream", true}, {"n", 32}, {"max_tokens", 1900}}).dump(),
                "Content-Type: application/json\r\n" + sent(key.secret));
    reader.reply_head();
    reader.read_until("content\":\"");
    EXPECT_GT(balances.get(key.key.id).reserved_micro, 0);
  }
  ASSERT_TRUE(eventually([&] { return !charges().empty(); }));
  const store::LedgerEntry row = charges().front();
  EXPECT_EQ(row.outcome, "aborted");
  EXPECT_GT(row.tokens.output, 0);
  EXPECT_LT(row.tokens.output, 32 * 1900);
  EXPECT_GT(row.tokens.hit + row.tokens.miss, 0);
  const store::Balance balance = balances.get(key.key.id);
  EXPECT_EQ(balance.reserved_micro, 0);
  EXPECT_EQ(balance.total_micro(),
            100'000'000 - row.tokens.hit - 2 * row.tokens.miss - 4 * row.tokens.output);
}

TEST_F(Money, ARefusedRequestGivesBackWhatItHeld) {
  const store::NewKey key = key_with(1'000'000);
  start(prices);
  EXPECT_EQ(post("/v1/chat/completions", chat({{"min_tokens", 17}}), key.secret).status, 422);
  EXPECT_EQ(balances.get(key.key.id).reserved_micro, 0);
  EXPECT_EQ(balances.get(key.key.id).total_micro(), 1'000'000);
  EXPECT_TRUE(charges().empty());
}

TEST_F(Money, WhatACrashLeftOpenIsSettledAtTheStart) {
  const store::NewKey key = key_with(1'000'000);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto list = std::make_shared<store::PriceList>(store::PriceList::parse(prices, "prices"));
    store::Store store(*config.store, list);
    store.meter.reserve({"charge_lost", key.key.id, "tiny", 100, 1000});
    store.meter.report("charge_lost", {100, 0, 7});
    store.meter.flush();
    ::_exit(0);
  }
  int ended = -1;
  ::waitpid(child, &ended, 0);
  ASSERT_EQ(ended, 0);
  EXPECT_EQ(balances.get(key.key.id).reserved_micro, 4200);
  start(prices);
  ASSERT_EQ(charges().size(), 1U);
  EXPECT_EQ(charges()[0].outcome, "recovered");
  EXPECT_EQ(balances.get(key.key.id).reserved_micro, 0);
  EXPECT_EQ(balances.get(key.key.id).total_micro(), 1'000'000 - 100 - 28);
}

TEST_F(Money, PricesThatCannotHoldAreRefusedAtTheStart) {
  const auto message = [&](const std::string& yaml) {
    try {
      start(yaml);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_NE(message("currency: USD\nzone: UTC\nmodels:\n"
                    "  other: [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]\n")
                .find("model 'tiny' has no price now"),
            std::string::npos);
  EXPECT_NE(message("currency: USD\n").find("prices.yaml"), std::string::npos);
  config.store.reset();
  EXPECT_NE(message(prices).find("needs a store"), std::string::npos);
}

}  // namespace
}  // namespace deepseek::serve
