// SPDX-License-Identifier: Apache-2.0
// Several models in one server, of which the memory holds one.
#include <atomic>
#include <filesystem>
#include <latch>
#include <thread>

#include "core/file.h"
#include "serve/models/model_card.h"
#include "tests/cli/tiny_model.h"
#include "tests/serve/api/accounted_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::RawClient;

class SeveralModels : public testing::AccountedServer {
 protected:
  SeveralModels() {
    testing::write_small_model(folder.path() / "other", testing::byte_config());
    config.models.push_back({"other", folder.path() / "other"});
    config.aliases["gpt-*"].model = "other";
    config.memory_bytes = 1;
  }
  json answer(const json& body) {
    const RawClient::Reply reply = post("/v1/chat/completions", body, "");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  }
  std::vector<std::string> names(const std::string& path, const std::string& secret = "") {
    const RawClient::Reply reply = get(path, secret);
    EXPECT_EQ(reply.status, 200) << reply.body;
    const json page = json::parse(reply.body);
    std::vector<std::string> list;
    for (const json& one : page.contains("data") ? page["data"] : page["models"])
      list.push_back(one.contains("id") ? one["id"] : one["name"]);
    return list;
  }
  static json of(const std::string& model) { return chat({{"model", model}}); }
};

using Names = std::vector<std::string>;

TEST_F(SeveralModels, OneThatIsNotThereIsLoadedWhenItIsAskedFor) {
  start();
  EXPECT_EQ(names("/v1/models"), (Names{"tiny", "other"}));
  EXPECT_EQ(names("/api/tags"), (Names{"tiny", "other"}));
  EXPECT_EQ(names("/api/ps"), Names{"tiny"});
  EXPECT_EQ(answer(of("other"))["model"], "other");
  EXPECT_EQ(names("/api/ps"), Names{"other"});
  EXPECT_EQ(answer(chat())["model"], "tiny");
  EXPECT_EQ(names("/api/ps"), Names{"tiny"});
}

TEST_F(SeveralModels, AnAnswerIsTheSameAfterItsModelWasAway) {
  start();
  const auto said = [](const json& page) {
    return std::pair(page["choices"][0]["message"], page["system_fingerprint"]);
  };
  const auto first = said(answer(of("tiny")));
  EXPECT_NE(said(answer(of("other"))).second, first.second);
  EXPECT_EQ(said(answer(of("tiny"))), first);
}

TEST_F(SeveralModels, AllWhoAskAtOnceAreAnswered) {
  start();
  std::vector<std::thread> clients;
  clients.reserve(8);
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&, i] {
      for (int j = 0; j < 4; ++j) answer(of((i + j) % 2 == 0 ? "tiny" : "other"));
    });
  for (std::thread& client : clients) client.join();
}

TEST_F(SeveralModels, AliasesAreOfTheModelTheyName) {
  start();
  const json fingerprint = answer(of("other"))["system_fingerprint"];
  EXPECT_EQ(answer(of("gpt-7"))["system_fingerprint"], fingerprint);
  EXPECT_NE(answer(of("deepseek-chat"))["system_fingerprint"], fingerprint);
}

TEST_F(SeveralModels, AnUnknownNameIsToldWhatThereIs) {
  start();
  const RawClient::Reply reply = post("/v1/chat/completions", of("missing"), "");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(error_of(reply)["message"],
            "the model 'missing' is not served here; 'tiny', 'other' are");
}

TEST_F(SeveralModels, WhyAModelCannotBeLoadedIsForTheLogAlone) {
  start();
  std::filesystem::remove(folder.path() / "other" / "model.safetensors");
  const RawClient::Reply reply = post("/v1/chat/completions", of("other"), "");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(error_of(reply)["message"], "the model 'other' could not be loaded");
  EXPECT_TRUE(testing::eventually([&] {
    return read_text_file(config.access_log).find("model.safetensors") != std::string::npos;
  })) << "the log has a thread of its own";
  EXPECT_EQ(answer(of("tiny"))["model"], "tiny") << "the first can be had again";
}

TEST_F(SeveralModels, AStreamEndsBeforeItsModelLeaves) {
  start();
  RawClient reader(address());
  json body = of("tiny");
  body["max_tokens"] = 400;
  body["stream"] = true;
  reader.post("/v1/chat/completions", body.dump(), "Content-Type: application/json\r\n");
  EXPECT_EQ(reader.reply_head().status, 200);
  EXPECT_EQ(answer(of("other"))["model"], "other");
  EXPECT_NE(reader.read_until("[DONE]").find("\"finish_reason\":\"length\""), std::string::npos);
}

TEST_F(SeveralModels, AClientThatLeavesWhileItsModelComesLeavesNothing) {
  start();
  {
    RawClient client(address());
    client.post("/v1/chat/completions", of("other").dump(), "Content-Type: application/json\r\n");
    client.close();
  }
  EXPECT_EQ(answer(of("tiny"))["model"], "tiny");
}

/// Of this process. One that was joined is counted for a moment longer.
ptrdiff_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

TEST_F(SeveralModels, AServerThatEndsWhileAModelIsAwaitedLeavesNothing) {
  std::atomic<bool> held{false};
  std::latch under_way(1), go_on(1);
  config.model.progress = [&](const Progress&) {
    if (!held.exchange(false)) return;
    under_way.count_down();
    go_on.wait();
  };
  start();
  answer(of("tiny"));
  stop();
  const ptrdiff_t before = threads();
  start();
  held = true;
  RawClient client(address());
  client.post("/v1/chat/completions", of("other").dump(), "Content-Type: application/json\r\n");
  under_way.wait();
  std::thread stopper([&] { stop(); });
  const RawClient::Reply reply = client.reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(error_of(reply)["message"], "the server is shutting down");
  go_on.count_down();
  stopper.join();
  EXPECT_TRUE(testing::eventually([&] { return threads() <= before; }));
}

TEST_F(SeveralModels, AKeyLoadsNoneThatItMayNotUseOrCannotPay) {
  const std::string bound = keys.create({.name = "bound", .models = {"tiny"}}).secret;
  const std::string poor = key_with(0).secret;
  start(
      "currency: USD\nzone: UTC\nmodels: {\"*\": [{from: 2020-01-01, hit: 1, miss: 1, output: "
      "1}]}\n");
  const json messages = json::array({{{"role", "user"}, {"content", "he"}}});
  const json body = {{"model", "other"}, {"messages", messages}, {"prompt", "he"},
                     {"input", "he"},    {"tokens", {1}},        {"max_tokens", 2}};
  for (const char* path :
       {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/messages",
        "/v1/messages/count_tokens", "/v1/responses", "/v1/responses/input_tokens", "/api/chat",
        "/api/generate", "/api/embed", "/tokenize", "/detokenize", "/apply-template"}) {
    const RawClient::Reply refused = post(path, body, bound);
    EXPECT_EQ(refused.status, 403) << path << refused.body;
    EXPECT_NE(refused.body.find("may not use the model 'other'"), std::string::npos) << path;
    EXPECT_EQ(post(path, body, poor).status, 402) << path;
  }
  EXPECT_EQ(get("/tokenizer_info?model=other", bound).status, 403);
  EXPECT_EQ(names("/api/ps", bound), Names{"tiny"});
  EXPECT_EQ(post("/tokenize", {{"prompt", "he"}}, poor).status, 200) << "it is there already";
}

TEST_F(SeveralModels, ARepeatedRequestIsAnsweredOnceThoughItsModelWasAway) {
  const store::NewKey key = key_with(1'000'000);
  start();
  const std::string once = "Idempotency-Key: k1\r\n";
  const RawClient::Reply first = post("/v1/chat/completions", of("other"), key.secret, once);
  EXPECT_EQ(first.status, 200) << first.body;
  const RawClient::Reply again = post("/v1/chat/completions", of("other"), key.secret, once);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.field("idempotent-replayed"), "true");
}

}  // namespace
}  // namespace deepseek::serve
