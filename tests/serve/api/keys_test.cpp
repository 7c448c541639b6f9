// SPDX-License-Identifier: Apache-2.0
// Who may call a server with a store, and how much at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "serve/api/api.h"
#include "tests/serve/api/accounted_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::AccountedServer;
using testing::eventually;
using testing::RawClient;

class ServedKeys : public AccountedServer {
 protected:
  int status(const std::string& secret) {
    return post("/v1/chat/completions", chat(), secret).status;
  }
};

TEST_F(ServedKeys, AChangeHoldsWithoutARestart) {
  start();
  EXPECT_EQ(status(""), 200) << "no key was ever made";
  const store::NewKey made = keys.create({.name = "alice"});
  EXPECT_TRUE(eventually([&] { return status("") == 401; }));
  EXPECT_EQ(status("sk-wrong"), 401);
  EXPECT_EQ(status(made.secret), 200);

  keys.change(made.key.id, {.disabled = true});
  EXPECT_TRUE(eventually([&] { return status(made.secret) == 401; }));
  const json error = error_of(post("/v1/chat/completions", chat(), made.secret));
  EXPECT_EQ(error.at("code"), "invalid_api_key");
  EXPECT_EQ(error.at("message"), "this API key is disabled for now");

  keys.change(made.key.id, {.expires_at_ms = std::optional<int64_t>(1), .disabled = false});
  EXPECT_TRUE(eventually([&] {
    const std::string body = post("/v1/chat/completions", chat(), made.secret).body;
    return body.find("this API key has expired") != body.npos;
  }));
  keys.revoke(made.key.id);
  EXPECT_TRUE(eventually([&] {
    const std::string body = post("/v1/chat/completions", chat(), made.secret).body;
    return body.find("this API key was revoked") != body.npos;
  }));
  EXPECT_EQ(status(""), 401) << "the last key's end does not open the server";
}

TEST_F(ServedKeys, ScopesAndModelsBoundAKey) {
  const std::string files = keys.create({.name = "files", .scopes = {"files"}}).secret;
  const std::string alias = keys.create({.name = "alias", .models = {"deepseek-chat"}}).secret;
  const std::string other = keys.create({.name = "other", .models = {"else"}}).secret;
  start();
  const RawClient::Reply scope = post("/v1/chat/completions", chat(), files);
  EXPECT_EQ(scope.status, 403);
  EXPECT_EQ(error_of(scope).at("message"),
            "this API key may not use this: it lacks the scope 'chat'");
  EXPECT_EQ(post("/v1/chat/completions", chat({{"model", "deepseek-chat"}}), alias).status, 200);
  for (const auto& [path, body] :
       {std::pair("/v1/chat/completions", chat({{"model", "tiny"}})),
        std::pair("/v1/completions", json{{"prompt", "he"}, {"max_tokens", 1}})}) {
    const RawClient::Reply model = post(path, body, other);
    EXPECT_EQ(model.status, 403) << path;
    EXPECT_EQ(error_of(model).at("param"), "model");
    EXPECT_EQ(error_of(model).at("code"), "model_not_allowed");
  }
  EXPECT_EQ(get("/metrics", alias).status, 403) << "metrics are the operator's";
}

TEST_F(ServedKeys, EveryRouteAsksForItsOwnScope) {
  std::map<std::string, std::string> secrets;
  for (const std::string_view scope : store::key_scopes())
    secrets[std::string(scope)] =
        keys.create({.name = std::string(scope), .scopes = {std::string(scope)}}).secret;
  start();
  const json paths = json::parse(get("/openapi.json", "").body).at("paths");
  std::map<std::string, std::string> scope_of;  // by path; "any" and "open" beside scopes
  for (const auto& [path, methods] : paths.items())
    for (const auto& [method, operation] : methods.items()) {
      const json& security = operation.at("security");
      if (security.empty()) {
        scope_of[path] = "open";
        continue;
      }
      const json& scopes = security.at(0).at("bearer");
      const std::string needed = scopes.empty() ? "any" : scopes.at(0).get<std::string>();
      scope_of[path] = needed;
      std::string word = method;
      std::ranges::transform(word, word.begin(), [](char c) { return char(c - 'a' + 'A'); });
      for (const auto& [scope, secret] : secrets) {
        RawClient client(address());
        client.send(concat(word, " ", path, " HTTP/1.1\r\nHost: localhost\r\n", sent(secret),
                           "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"));
        const RawClient::Reply reply = client.reply();
        const bool refused = needed != "any" && needed != scope;
        EXPECT_EQ(reply.status == 403, refused)
            << word << " " << path << " needs " << needed << ", got " << scope << reply.body;
      }
    }
  for (const auto& [path, scope] :
       std::map<std::string, std::string>{{"/v1/chat/completions", "chat"},
                                          {"/v1/completions", "chat"},
                                          {"/v1/messages", "chat"},
                                          {"/api/chat", "chat"},
                                          {"/api/generate", "chat"},
                                          {"/v1/embeddings", "embeddings"},
                                          {"/api/embed", "embeddings"},
                                          {"/v1/responses", "responses"},
                                          {"/v1/files", "files"},
                                          {"/v1/batches", "batches"},
                                          {"/web/chats", "history"},
                                          {"/web/operator", "admin"},
                                          {"/metrics", "admin"},
                                          {"/v1/models", "any"},
                                          {"/tokenize", "any"},
                                          {"/detokenize", "any"},
                                          {"/apply-template", "any"},
                                          {"/tokenizer_info", "any"},
                                          {"/user/balance", "any"},
                                          {"/web/session", "any"},
                                          {"/api/tags", "any"},
                                          {"/health", "open"}})
    EXPECT_EQ(scope_of[path], scope) << path;
}

TEST_F(ServedKeys, StaticKeysAreNotCounted) {
  keys.create({.name = "alice"});
  config.api_keys = {"sk-static"};
  start(
      "currency: USD\nzone: UTC\nmodels:\n  tiny: [{from: 2020-01-01, hit: 1, miss: 1, output: "
      "1}]\n");
  EXPECT_EQ(status("sk-static"), 200);
  EXPECT_EQ(get("/metrics", "sk-static").status, 200);
  EXPECT_EQ(json::parse(get("/user/balance", "sk-static").body),
            json::parse(R"({"is_available": true, "balance_infos": []})"));
  EXPECT_TRUE(charges().empty());
}

TEST_F(ServedKeys, LimitsAreToldAndRefuseWithTheTimeToWait) {
  const std::string one =
      keys.create({.name = "one", .limits = {.requests_per_minute = 1, .tokens_per_minute = 1000}})
          .secret;
  start();
  const RawClient::Reply first = post("/v1/chat/completions", chat({{"stream", true}}), one);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.field("x-ratelimit-limit-requests"), "1");
  EXPECT_EQ(first.field("x-ratelimit-remaining-requests"), "0");
  EXPECT_EQ(first.field("x-ratelimit-limit-tokens"), "1000");
  EXPECT_EQ(first.field("x-ratelimit-reset-requests"), "1m0s");
  const RawClient::Reply second = post("/v1/chat/completions", chat(), one);
  EXPECT_EQ(second.status, 429);
  EXPECT_GE(std::stoi(second.field("Retry-After")), 1);
  EXPECT_FALSE(second.field("retry-after-ms").empty());
  EXPECT_EQ(second.field("x-should-retry"), "true");
  EXPECT_EQ(second.field("x-ratelimit-remaining-requests"), "0");
  EXPECT_EQ(error_of(second).at("type"), "rate_limit_error");

  const std::string few = keys.create({.name = "few", .limits = {.tokens_per_minute = 100}}).secret;
  const RawClient::Reply large = post("/v1/chat/completions", chat({{"max_tokens", 500}}), few);
  EXPECT_EQ(large.status, 429);
  EXPECT_EQ(large.field("x-should-retry"), "false") << "it never fits";
  EXPECT_EQ(post("/v1/chat/completions", chat(), few).status, 200);
}

TEST_F(ServedKeys, ARequestHoldsItsPlaceUntilItIsOver) {
  const std::string single = keys.create({.name = "single", .limits = {.concurrency = 1}}).secret;
  config.http.stream_buffer_bytes = 4 << 10;
  start();
  {
    // More than sockets and buffers hold: it cannot end unread.
    RawClient reader(address());
    reader.small_receive_buffer();
    reader.post("/v1/chat/completions",
                chat({{"stream", true}, {"n", 32}, {"max_tokens", 1900}}).dump(),
                "Content-Type: application/json\r\n" + sent(single));
    reader.reply_head();
    const RawClient::Reply refused = post("/v1/chat/completions", chat(), single);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.field("Retry-After"), "1");
    EXPECT_EQ(post("/tokenize", {{"prompt", "he"}}, single).status, 429);
  }
  EXPECT_TRUE(eventually([&] { return status(single) == 200; }));
}

TEST_F(ServedKeys, CountingTokensIsARequestThatCostsNothing) {
  const json body = {
      {"messages", {{{"role", "user"}, {"content", "he"}}}}, {"input", "he"}, {"tokens", {1, 2}}};
  std::map<std::string, std::string> secrets;
  for (const char* path : {"/tokenize", "/detokenize", "/apply-template",
                           "/v1/messages/count_tokens", "/v1/responses/input_tokens"})
    secrets[path] =
        keys.create({.name = path, .limits = {.requests_per_minute = 1}, .prepaid = true}).secret;
  start(
      "currency: USD\nzone: UTC\nmodels: {tiny: [{from: 2020-01-01, hit: 1, miss: 1, output: "
      "1}]}\n");
  for (const auto& [path, secret] : secrets) {
    const RawClient::Reply first = post(path, body, secret);
    EXPECT_EQ(first.status, 200) << path << first.body;
    EXPECT_EQ(first.field("x-ratelimit-remaining-requests"), "0") << path;
    EXPECT_EQ(post(path, body, secret).status, 429) << path;
  }
  EXPECT_TRUE(charges().empty());
  RawClient client(address());
  client.send("POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194305\r\n\r\n");
  EXPECT_EQ(client.reply().status, 413);
}

TEST(TokenRoutes, LeaveTheThreadsOfOthersAlone) {
  Router router;
  const auto context = std::make_shared<ApiContext>();
  add_token_routes(router, context);
  add_messages_routes(router, context);
  add_responses_routes(router, context);
  for (const char* path : {"/tokenize", "/detokenize", "/apply-template",
                           "/v1/messages/count_tokens", "/v1/responses/input_tokens"})
    EXPECT_TRUE(router.match("POST", path).route->options.heavy) << path;
  EXPECT_FALSE(router.match("POST", "/v1/messages").route->options.heavy);
}

TEST_F(ServedKeys, APublicAddressNeedsAKeyOfEitherKind) {
  config.http.listen = {{"0.0.0.0", 0}};
  {
    ModelServer open(config);
    EXPECT_THROW(open.start(), Error);
  }
  keys.create({.name = "alice"});
  start();
  EXPECT_EQ(status(""), 401);
}

TEST(CacheSecret, IsDrawnOnceAndForTheOwnerAlone) {
  const testing::TemporaryFolder folder;
  const std::string secret = secret_in(folder.path() / "cache");
  EXPECT_EQ(secret.size(), 32U);
  EXPECT_EQ(secret_in(folder.path() / "cache"), secret);
  EXPECT_NE(secret_in(folder.path() / "other"), secret);
  const auto status = std::filesystem::status(folder.path() / "cache" / "secret");
  EXPECT_EQ(status.permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::ofstream(folder.path() / "cache" / "secret") << "me\n";
  EXPECT_THROW(secret_in(folder.path() / "cache"), Error);

  const store::StoreLocation location{.data_path = folder.path() / "data"};
  const std::string stored =
      std::make_shared<Accounts>(AccountsConfig{.store = location})->secret();
  EXPECT_EQ(std::make_shared<Accounts>(AccountsConfig{.store = location})->secret(), stored);
}

TEST(CacheSecret, MakesTheSaltOfAHolderUnknowable) {
  const auto request_of = [](const std::string& owner) {
    auto holder = std::make_shared<KeyHolder>();
    holder->owner = owner;
    HttpRequest request;
    request.principal = holder;
    return request;
  };
  const CacheSalt salt = cache_salt("s1", request_of("a"), "u");
  EXPECT_EQ(cache_salt("s1", request_of("a"), "u"), salt);
  EXPECT_NE(cache_salt("s2", request_of("a"), "u"), salt);
  EXPECT_NE(cache_salt("s1", request_of("b"), "u"), salt);
  EXPECT_NE(cache_salt("s1", request_of("a"), ""), salt);
}

}  // namespace
}  // namespace deepseek::serve
