// SPDX-License-Identifier: Apache-2.0
// Reasoning that must come back with calls, and streams that are resumed.
#include "tests/serve/api/dialect_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::DialectServer;
using testing::RawClient;

constexpr const char* path = "/v1/chat/completions";

class ReasoningReplay : public DialectServer {
 protected:
  static json called(const json& more) {
    json call = {{"role", "assistant"},
                 {"content", ""},
                 {"tool_calls",
                  {{{"id", "1"},
                    {"type", "function"},
                    {"function", {{"name", "look"}, {"arguments", "{}"}}}}}}};
    call.update(more);
    json body = chat();
    body["messages"].push_back(call);
    body["messages"].push_back({{"role", "tool"}, {"tool_call_id", "1"}, {"content", "deep"}});
    return body;
  }
};

TEST_F(ReasoningReplay, IsAskedForInTurnsThatCalledFunctions) {
  start();
  expect_refused(path, called(json::object()), 400, {"messages[1].reasoning_content"});
  EXPECT_EQ(answer(path, called({{"reasoning_content", "hm"}}))["object"], "chat.completion");
  EXPECT_EQ(answer(path, called({{"reasoning", "hm"}}))["object"], "chat.completion");
  json off = called(json::object());
  off["thinking"] = {{"type", "disabled"}};
  EXPECT_EQ(answer(path, off)["object"], "chat.completion");
  json plain = chat();
  plain["messages"].push_back({{"role", "assistant"}, {"content", "he"}});
  plain["messages"].push_back({{"role", "user"}, {"content", "he"}});
  EXPECT_EQ(answer(path, plain)["object"], "chat.completion");
}

TEST_F(ReasoningReplay, IsNotAskedForWhereTheServerIsLenient) {
  config.strict_replay = false;
  start();
  EXPECT_EQ(answer(path, called(json::object()))["object"], "chat.completion");
}

class Resumed : public DialectServer {
 protected:
  RawClient::Reply again(const json& body, const std::string& id, const std::string& secret) {
    return post(path, body, secret, "Last-Event-ID: " + id + "\r\n");
  }
  static constexpr const char* resumable = "x-resumable: true\r\n";
};

TEST_F(Resumed, AStreamGoesOnBehindTheLastEventThatWasSeen) {
  start();
  const json body = chat({{"stream", true}, {"max_tokens", 60}});
  const std::string whole = post(path, body, "", resumable).body;
  EXPECT_NE(whole.find("data: [DONE]"), std::string::npos);
  // As a client that was cut off after the third event.
  size_t cut = 0;
  for (int i = 0; i < 3; ++i) cut = whole.find("\n\n", cut) + 2;
  const size_t at = whole.rfind("id: ", cut - 1) + 4;
  const std::string id = whole.substr(at, whole.find('\n', at) - at);
  const RawClient::Reply rest = again(body, id, "");
  EXPECT_EQ(rest.status, 200);
  EXPECT_EQ(whole.substr(0, cut) + rest.body, whole);
  EXPECT_EQ(again(body, "none.1", "").status, 400);
}

TEST_F(Resumed, AStreamGoesOnWithoutItsClientUntilItComesBack) {
  start();
  const json body = chat({{"stream", true}, {"max_tokens", 400}});
  std::string begin, id;
  {
    RawClient client(address());
    client.post(path, body.dump(), std::string("Content-Type: application/json\r\n") + resumable);
    client.reply_head();
    begin = client.read_until("\n\n");
    const size_t at = begin.rfind("id: ") + 4;
    id = begin.substr(at, begin.find('\n', at) - at);
    client.close();
  }
  const RawClient::Reply rest = again(body, id, "");
  EXPECT_EQ(rest.status, 200);
  EXPECT_NE(rest.body.find("\"finish_reason\":\"length\""), std::string::npos);
  EXPECT_TRUE(rest.body.ends_with("data: [DONE]\n\n"));
}

TEST_F(Resumed, AStreamBelongsToItsKey) {
  const std::string alice = keys.create({.name = "alice"}).secret;
  const std::string bob = keys.create({.name = "bob"}).secret;
  start();
  const json body = chat({{"stream", true}});
  const std::string whole = post(path, body, alice, resumable).body;
  const size_t at = whole.find("id: ") + 4;
  const std::string id = whole.substr(at, whole.find('\n', at) - at);
  EXPECT_EQ(again(body, id, alice).status, 200);
  EXPECT_EQ(again(body, id, bob).status, 404);
}

}  // namespace
}  // namespace deepseek::serve
