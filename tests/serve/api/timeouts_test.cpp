// SPDX-License-Identifier: Apache-2.0
// Requests whose time is over: in the queue, before their first token, in the middle of a stream.
#include "serve/api/timeouts.h"

#include <atomic>
#include <latch>

#include "core/progress.h"
#include "tests/cli/tiny_model.h"
#include "tests/serve/api/dialect_server.h"

namespace deepseek::serve {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::RawClient;

constexpr const char* prices =
    "currency: USD\nzone: UTC\nmodels:\n"
    "  tiny: [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]\n";
constexpr const char* chat_path = "/v1/chat/completions";

HttpRequest request_with(const std::string& header, const std::string& value) {
  HttpRequest request;
  request.headers.add(header, value);
  request.received = std::chrono::steady_clock::now();
  return request;
}

TEST(TimeLimits, ARequestMayAskForLess) {
  const TimeLimits server{.queue = 600s, .total = 20s};
  EXPECT_EQ(limits_of(request_with("X-Queue-Timeout", "0.25"), server).queue, 250ms);
  EXPECT_EQ(limits_of(request_with("x-queue-timeout", "600"), server).queue, 600s);
  EXPECT_EQ(limits_of(request_with("x-queue-timeout", ".0001"), server).queue, 1ms);
  EXPECT_EQ(limits_of(request_with("x-first-token-timeout", "86400"), server).first_token, 24h);
  const TimeLimits total = limits_of(request_with("x-total-timeout", "5"), server);
  EXPECT_EQ(total.total, 5s);
  EXPECT_EQ(total.queue, 600s);
  EXPECT_EQ(total.first_token, 0s);
}

TEST(TimeLimits, ValuesThatAreNoneAndMoreThanTheServerAllowsAreRefused) {
  const TimeLimits server{.queue = 600s, .first_token = 1500ms};
  const auto refused = [&](const std::string& header, const std::string& value) {
    try {
      limits_of(request_with(header, value), server);
    } catch (const RequestError& error) {
      EXPECT_EQ(error.status(), 422);
      EXPECT_EQ(error.details().param, header);
      return std::string(error.what());
    }
    ADD_FAILURE() << "'" << value << "' was taken";
    return std::string();
  };
  for (const char* header : {"x-queue-timeout", "x-first-token-timeout", "x-total-timeout"})
    for (const char* value : {"",
                              " ",
                              "0",
                              "0.0",
                              "-1",
                              "+1",
                              "soon",
                              "1s",
                              "1e3",
                              "0x10",
                              "inf",
                              "nan",
                              ".",
                              "1.2.3",
                              "1,5",
                              "86401",
                              "18446744073709551616",
                              "999999999999999999999999999999999999999",
                              "\xff\xfe",
                              "1\n"})
      refused(header, value);
  EXPECT_EQ(refused("x-queue-timeout", "600.01"),
            "expected seconds above 0 and at most 600 in x-queue-timeout, got '600.01'");
  refused("x-first-token-timeout", "1.6");
}

TEST(TimeLimits, OneIsTheRequestsOwnWhereItStruckFirstOfThoseThatStillHeld) {
  const TimeLimits server{.queue = 600s, .first_token = 5s, .total = 20s};
  const auto own = [&](const char* header, const char* seconds, LateIn where) {
    return is_own_limit(request_with(header, seconds), server, where, RequestClass::interactive);
  };
  EXPECT_TRUE(own("x-queue-timeout", "1", LateIn::queue));
  EXPECT_FALSE(own("x-queue-timeout", "6", LateIn::queue)) << "5 s to the first token came before";
  EXPECT_FALSE(own("x-queue-timeout", "1", LateIn::prompt)) << "it had begun";
  EXPECT_TRUE(own("x-first-token-timeout", "4", LateIn::prompt));
  EXPECT_FALSE(own("x-first-token-timeout", "4", LateIn::answer));
  EXPECT_TRUE(own("x-total-timeout", "4", LateIn::prompt));
  EXPECT_FALSE(own("x-total-timeout", "6", LateIn::prompt));
  EXPECT_TRUE(own("x-total-timeout", "6", LateIn::answer));
  EXPECT_FALSE(is_own_limit(request_with("x-request-id", "1"), server, LateIn::answer,
                            RequestClass::interactive));
  EXPECT_TRUE(is_own_limit(request_with("x-total-timeout", "6"), {}, LateIn::prompt,
                           RequestClass::interactive));
  EXPECT_TRUE(is_own_limit(request_with("x-queue-timeout", "3600"), {.queue = 600s}, LateIn::queue,
                           RequestClass::batch))
      << "batch work may wait longer than the server's limit";
}

TEST(TimeLimits, WhatIsLeftOfThemGoesToTheScheduler) {
  const TimeLimits server{.queue = 600s, .first_token = 5s, .total = 20s};
  HttpRequest http = request_with("x-first-token-timeout", "2");
  http.received -= 1h;
  GenerateRequest late;
  set_deadlines(late, http, server);
  EXPECT_EQ(late.queue_deadline, 1ms) << "zero would be no limit";
  EXPECT_EQ(late.total_deadline, 1ms);
  GenerateRequest batch;
  batch.request_class = RequestClass::batch;
  set_deadlines(batch, http, server);
  EXPECT_EQ(batch.queue_deadline, 0s);
  EXPECT_EQ(batch.first_token_deadline, 2s) << "from when it begins";
  EXPECT_EQ(batch.total_deadline, 20s);
  set_deadlines(batch, request_with("x-queue-timeout", "700"), server);
  EXPECT_GT(batch.queue_deadline, 0s) << "it asked for it itself";
  EXPECT_EQ(*latest_start(http, server), http.received + 5s);
  EXPECT_FALSE(latest_start(http, {.queue = 0s}));
}

class Timeouts : public testing::DialectServer {
 protected:
  Timeouts() { one_at_a_time(); }

  /// The scheduler's time goes on by a second whenever it is looked at.
  void use_fast_clock() {
    config.scheduler.clock = [start = std::chrono::steady_clock::now(),
                              looks = std::make_shared<std::atomic<int64_t>>(0)] {
      return start + std::chrono::seconds(++*looks);
    };
  }
  /// Greedy, so that no end is drawn by chance.
  static json body_of(const std::string& path) {
    if (path == "/v1/embeddings" || path == "/api/embed")
      return {{"model", "tiny"}, {"input", {"he", "x"}}};
    if (path.starts_with("/api/"))
      return chat({{"model", "tiny"},
                   {"prompt", "he"},
                   {"options", {{"num_predict", 500}, {"temperature", 0}}}});
    json body = chat({{"max_tokens", 500}, {"temperature", 0}});
    if (path == "/v1/completions") body["prompt"] = {"he", "x"};
    if (path == "/v1/responses") body.update({{"input", "he he"}, {"max_output_tokens", 500}});
    return body;
  }
  json long_prompt() const {
    return chat({{"messages", {{{"role", "user"}, {"content", std::string(1800, 'x')}}}}});
  }
  json long_input() const { return {{"input", std::string(1800, 'x')}}; }
  const std::vector<std::string> generating{chat_path,       "/v1/completions", "/v1/messages",
                                            "/v1/responses", "/api/chat",       "/api/generate"};
};

TEST_F(Timeouts, WhoWaitsTooLongIsToldToComeBackInEveryDialect) {
  const store::NewKey key = key_with(1'000'000);
  start(prices);
  const auto occupant = occupy(key.secret);
  std::vector<std::string> paths = generating;
  paths.insert(paths.end(), {"/v1/embeddings", "/api/embed"});
  for (const std::string& path : paths)
    for (const bool stream : {false, true}) {
      json body = body_of(path);
      body["stream"] = stream;
      const RawClient::Reply reply = post(path, body, key.secret, "x-queue-timeout: 0.02\r\n");
      EXPECT_EQ(reply.status, 503) << path << reply.body;
      EXPECT_EQ(reply.field("Retry-After"), "1");
      EXPECT_EQ(reply.field("retry-after-ms"), "1000");
      EXPECT_EQ(reply.field("x-should-retry"), "true");
      EXPECT_NE(reply.body.find("still in the queue"), std::string::npos) << reply.body;
    }
  EXPECT_EQ(error_of(post(chat_path, chat(), key.secret, "x-total-timeout: 0.02\r\n")).at("code"),
            "queue_timeout")
      << "whichever limit it was";
  EXPECT_TRUE(charges().empty());
}

TEST_F(Timeouts, TheServersLimitHoldsForWhoAsksForNone) {
  config.time_limits.queue = 100ms;
  start();
  const auto occupant = occupy();
  const RawClient::Reply reply = post(chat_path, chat(), "");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(error_of(reply).at("code"), "queue_timeout");
  const RawClient::Reply more = post(chat_path, chat(), "", "x-queue-timeout: 1\r\n");
  EXPECT_EQ(more.status, 422);
  EXPECT_EQ(error_of(more).at("param"), "x-queue-timeout");
}

TEST_F(Timeouts, BatchWorkWaitsAsLongAsItTakes) {
  const auto hours = std::make_shared<std::atomic<int64_t>>(0);
  config.scheduler.clock = [hours] {
    return std::chrono::steady_clock::now() + std::chrono::hours(hours->load());
  };
  start();
  auto occupant = occupy();
  const auto batch = ask(chat_path, chat({{"service_tier", "batch"}}));
  await_waiting(1);
  const auto person = ask(chat_path, chat());
  await_waiting(2);
  ++*hours;
  EXPECT_EQ(person->reply().status, 503);
  occupant.reset();
  EXPECT_EQ(batch->reply().status, 200);
}

TEST_F(Timeouts, APromptThatTakesTooLongForTheServerIs504AndFree) {
  const store::NewKey key = key_with(1'000'000);
  use_fast_clock();
  config.scheduler.max_prefill_rows = config.scheduler.min_prefill_rows = 16;
  config.time_limits.first_token = config.time_limits.total = 200s;
  start(prices);
  const RawClient::Reply reply = post(chat_path, long_prompt(), key.secret);
  EXPECT_EQ(reply.status, 504) << reply.body;
  EXPECT_EQ(error_of(reply).at("code"), "first_token_timeout");
  EXPECT_EQ(error_of(reply).at("type"), "timeout_error");
  EXPECT_EQ(reply.field("x-should-retry"), "true");
  const RawClient::Reply vector = post("/v1/embeddings", long_input(), key.secret);
  EXPECT_EQ(vector.status, 504) << vector.body;
  const std::string shorter = "x-queue-timeout: 100\r\n", longer = "x-total-timeout: 200\r\n";
  EXPECT_EQ(post(chat_path, long_prompt(), key.secret, shorter).status, 504);
  EXPECT_EQ(post("/v1/embeddings", long_input(), key.secret, shorter).status, 504);
  EXPECT_EQ(post(chat_path, long_prompt(), key.secret, longer).status, 504)
      << "the server's for the first token is as short";
  EXPECT_TRUE(charges().empty());
}

TEST_F(Timeouts, APromptPastTheLimitThatItsRequestAskedForIsPaidOnceBegun) {
  const store::NewKey key = key_with(1'000'000);
  use_fast_clock();
  config.scheduler.max_prefill_rows = config.scheduler.min_prefill_rows = 16;
  start(prices);
  const std::string first_token = "x-first-token-timeout: 200\r\n",
                    total = "x-total-timeout: 200\r\n";
  for (const RawClient::Reply& reply :
       {post(chat_path, long_prompt(), key.secret, first_token),
        post(chat_path, long_prompt(), key.secret, total),
        post("/v1/completions", {{"model", "tiny"}, {"prompt", std::string(1800, 'x')}}, key.secret,
             total),
        post("/v1/embeddings", long_input(), key.secret, total)}) {
    EXPECT_EQ(reply.status, 504) << reply.body;
    EXPECT_EQ(reply.field("x-should-retry"), "false") << "each time is paid";
  }
  ASSERT_EQ(charges().size(), 4U);
  for (const store::LedgerEntry& row : charges()) {
    EXPECT_GE(row.tokens.hit + row.tokens.miss, 1800);
    EXPECT_EQ(row.tokens.output, 0);
    EXPECT_EQ(row.granted_micro, -(row.tokens.hit + 2 * row.tokens.miss));
  }
}

TEST_F(Timeouts, ThePagesAnswersToo) {
  const store::NewKey key = key_with(1'000'000);
  use_fast_clock();
  config.scheduler.max_prefill_rows = config.scheduler.min_prefill_rows = 16;
  start(prices);
  const auto id = [&](const std::string& path, const json& body) {
    return json::parse(post(path, body, key.secret).body).at("id").get<std::string>();
  };
  const std::string chat = "/web/chats/" + id("/web/chats", json::object());
  const std::string text(1800, 'x');
  const json body = {{"parent_id", id(chat + "/messages", {{"role", "user"}, {"content", text}})},
                     {"messages", {{{"role", "user"}, {"content", text}}}}};
  const RawClient::Reply reply =
      post(chat + "/answers", body, key.secret, "x-first-token-timeout: 200\r\n");
  EXPECT_NE(reply.body.find("first_token_timeout"), std::string::npos) << reply.body;
  ASSERT_EQ(charges().size(), 1U);
  EXPECT_GE(charges()[0].tokens.hit + charges()[0].tokens.miss, 1800);
}

TEST_F(Timeouts, AnAnswerThatTakesTooLongPaysTheTokensItProduced) {
  use_fast_clock();
  const store::NewKey key = key_with(1'000'000);
  config.time_limits.total = 300s;
  start(prices);
  size_t asked = 0;
  for (const std::string& path : generating) {
    json body = body_of(path);
    body["stream"] = false;
    const RawClient::Reply reply = post(path, body, key.secret);
    EXPECT_EQ(reply.status, 504) << path << reply.body;
    EXPECT_EQ(reply.field("x-should-retry"), "false");
    EXPECT_NE(reply.body.find("was not complete"), std::string::npos) << reply.body;
    ASSERT_EQ(charges().size(), ++asked) << path;
    const store::LedgerEntry row = charges().back();
    EXPECT_GT(row.tokens.output, 0) << path;
    EXPECT_EQ(row.tokens.hit + row.tokens.miss, 0) << path;
    EXPECT_EQ(row.granted_micro, -4 * row.tokens.output) << path;
  }
}

TEST_F(Timeouts, AStreamThatTakesTooLongEndsWithTheErrorOfItsDialect) {
  use_fast_clock();
  const store::NewKey key = key_with(1'000'000);
  start(prices);
  for (const std::string& path : generating) {
    json body = body_of(path);
    body["stream"] = true;
    SCOPED_TRACE(path);
    const RawClient::Reply reply = post(path, body, key.secret, "x-total-timeout: 300\r\n");
    EXPECT_EQ(reply.status, 200) << path << reply.body;
    EXPECT_TRUE(reply.complete);
    EXPECT_EQ(reply.body.find("[DONE]"), std::string::npos) << path;
    const bool lines = path.starts_with("/api/");
    const std::string last =
        reply.body.substr(reply.body.rfind('\n', reply.body.find_last_not_of('\n')) + 1);
    const json error = json::parse(lines ? last : last.substr(std::string("data: ").size()));
    if (path == "/v1/messages") {
      EXPECT_NE(reply.body.rfind("event: error\n"), std::string::npos);
      EXPECT_EQ(error.at("error").at("type"), "timeout_error");
    } else if (path == "/v1/responses") {
      EXPECT_EQ(error.at("type"), "error");
      EXPECT_EQ(error.at("code"), "total_timeout");
    } else if (lines) {
      EXPECT_TRUE(error.at("error").is_string());
    } else {
      EXPECT_EQ(error.at("error").at("code"), "total_timeout");
    }
    const store::LedgerEntry row = charges().back();
    EXPECT_GT(row.tokens.output, 0) << path;
    EXPECT_GT(row.tokens.hit + row.tokens.miss, 0) << path << ": the request asked for the limit";
  }
  EXPECT_EQ(charges().size(), generating.size());
}

TEST_F(Timeouts, BadHeadersAreRefusedByEveryDialect) {
  start();
  std::vector<std::string> paths = generating;
  paths.insert(paths.end(), {"/v1/embeddings", "/api/embed"});
  for (const std::string& path : paths) {
    const RawClient::Reply reply = post(path, body_of(path), "", "x-total-timeout: soon\r\n");
    EXPECT_EQ(reply.status, 422) << path << reply.body;
    EXPECT_NE(reply.body.find("x-total-timeout"), std::string::npos) << reply.body;
  }
  EXPECT_EQ(error_of(post(chat_path, chat(), "", "x-queue-timeout: 601\r\n")).at("param"),
            "x-queue-timeout");
}

TEST_F(Timeouts, WaitingForAModelIsWaitingInTheQueue) {
  testing::write_small_model(folder.path() / "other", testing::byte_config());
  config.models.push_back({"other", folder.path() / "other"});
  config.memory_bytes = 1;
  std::atomic<bool> hold{false};
  std::latch under_way(1), go_on(1);
  config.model.progress = [&](const Progress&) {
    if (!hold.exchange(false)) return;
    under_way.count_down();
    go_on.wait();
  };
  start();
  hold = true;
  const json other = chat({{"model", "other"}});
  const auto patient = ask(chat_path, other);
  under_way.wait();
  const RawClient::Reply late = post(chat_path, other, "", "x-queue-timeout: 0.02\r\n");
  EXPECT_EQ(late.status, 503) << late.body;
  EXPECT_EQ(error_of(late).at("code"), "queue_timeout");
  EXPECT_EQ(late.field("Retry-After"), "1");
  EXPECT_EQ(post("/v1/messages", other, "", "x-total-timeout: 0.02\r\n").status, 503);
  const RawClient::Reply bad = post(chat_path, other, "", "x-queue-timeout: -1\r\n");
  EXPECT_EQ(bad.status, 422);
  EXPECT_EQ(error_of(bad).at("param"), "x-queue-timeout");
  go_on.count_down();
  EXPECT_EQ(patient->reply().status, 200) << "it was let wait";
}

}  // namespace
}  // namespace deepseek::serve
