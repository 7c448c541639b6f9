// SPDX-License-Identifier: Apache-2.0
// Answers that the web page asks for: streamed, followed after a reload, stopped, kept.
#include <gtest/gtest.h>

#include "tests/serve/api/accounted_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::AccountedServer;
using testing::eventually;
using testing::RawClient;

struct Event {
  std::string type, id;
  json data;
};

std::vector<Event> events_of(const std::string& body) {
  std::vector<Event> events;
  size_t at = 0;
  while (at < body.size()) {
    const size_t end = body.find("\n\n", at);
    if (end == body.npos) break;
    Event event;
    size_t line = at;
    while (line < end) {
      const size_t stop = std::min(body.find('\n', line), end);
      const std::string text = body.substr(line, stop - line);
      if (text.starts_with("event: ")) event.type = text.substr(7);
      if (text.starts_with("id: ")) event.id = text.substr(4);
      if (text.starts_with("data: ")) event.data = json::parse(text.substr(6));
      line = stop + 1;
    }
    if (!event.data.is_null()) events.push_back(std::move(event));
    at = end + 2;
  }
  return events;
}

std::string text_of(const std::vector<Event>& events) {
  std::string text;
  for (const Event& event : events)
    if (event.type == "delta") text += event.data.value("content", "");
  return text;
}

class PageAnswers : public AccountedServer {
 protected:
  void begin(const std::string& secret = "") {
    start();
    secret_ = secret;
    chat = id_of(post("/web/chats", json::object(), secret));
    question = id_of(
        post("/web/chats/" + chat + "/messages", {{"role", "user"}, {"content", "he he"}}, secret));
  }
  static std::string id_of(const RawClient::Reply& reply) {
    return json::parse(reply.body).at("id").get<std::string>();
  }
  json request(const json& more = json::object()) const {
    json body = {{"parent_id", question},
                 {"messages", {{{"role", "user"}, {"content", "he he"}}}},
                 {"seed", 5},
                 {"max_tokens", 16}};
    body.update(more);
    return body;
  }
  std::string answers() const { return "/web/chats/" + chat + "/answers"; }
  json last_message() {
    return json::parse(get("/web/chats/" + chat, secret_).body).at("messages").back();
  }
  std::string chat, question, secret_;
};

TEST_F(PageAnswers, StreamAndAreInTheChatAtTheEnd) {
  begin();
  const RawClient::Reply reply = post(answers(), request(), "");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const std::vector<Event> events = events_of(reply.body);
  ASSERT_GE(events.size(), 3);
  EXPECT_EQ(events.front().type, "begin");
  EXPECT_EQ(events.front().data["message"]["parent_id"], json(question));
  EXPECT_EQ(events.back().type, "end");
  const json message = last_message();
  EXPECT_EQ(message, events.back().data["message"]);
  EXPECT_EQ(message["content"], json(text_of(events)));
  EXPECT_EQ(message["details"]["state"], "done");
  EXPECT_EQ(message["details"]["usage"]["completion_tokens"],
            events.at(events.size() - 2).data["tokens"]);
}

TEST_F(PageAnswers, AreTheSameAsTheApis) {
  begin();
  post(answers(), request(), "");
  json body = request();
  body.erase("parent_id");
  const json api = json::parse(post("/v1/chat/completions", body, "").body);
  EXPECT_EQ(last_message()["content"], api["choices"][0]["message"]["content"]);
}

TEST_F(PageAnswers, GoOnWhenTheReaderLeavesAndAreFollowedFromWhereItWas) {
  begin();
  std::string seen;
  {
    RawClient client(address());
    client.post(answers(), request({{"max_tokens", 1200}}).dump(),
                "Content-Type: application/json\r\n");
    client.reply_head();
    seen = client.read_until("event: delta");
    seen += client.read_until("\n\n");
  }
  const std::vector<Event> before = events_of(seen);
  ASSERT_FALSE(before.empty());
  const std::string answer = before.front().data["answer"];
  const RawClient::Reply rest = [&] {
    RawClient client(address());
    return client.ask("/web/answers/" + answer, "Last-Event-ID: " + before.back().id + "\r\n");
  }();
  ASSERT_EQ(rest.status, 200) << rest.body;
  const std::vector<Event> after = events_of(rest.body);
  EXPECT_EQ(after.back().type, "end");
  EXPECT_EQ(json(text_of(before) + text_of(after)), last_message()["content"]);
  // Without an id everything comes again.
  const RawClient::Reply whole = get("/web/answers/" + answer, "");
  EXPECT_EQ(json(text_of(events_of(whole.body))), last_message()["content"]);
}

TEST_F(PageAnswers, StopWhenAsked) {
  begin();
  RawClient client(address());
  client.post(answers(), request({{"max_tokens", 1900}}).dump(),
              "Content-Type: application/json\r\n");
  client.reply_head();
  const std::vector<Event> events = events_of(client.read_until("\n\n"));
  ASSERT_EQ(events.front().type, "begin");
  const std::string answer = events.front().data["answer"];
  EXPECT_EQ(post("/web/answers/" + answer + "/stop", json::object(), "").status, 200);
  EXPECT_TRUE(eventually([&] { return last_message()["details"]["state"] != "streaming"; }));
  EXPECT_EQ(post("/web/answers/" + answer + "/stop", json::object(), "").status, 200)
      << "a second time changes nothing";
}

TEST_F(PageAnswers, AreKeptAsFarAsTheyCameWhenTheServerStops) {
  begin();
  RawClient client(address());
  client.post(answers(), request({{"max_tokens", 1900}}).dump(),
              "Content-Type: application/json\r\n");
  client.reply_head();
  client.read_until("event: delta");
  stop();
  start();
  const std::string state = last_message()["details"]["state"];
  EXPECT_TRUE(state == "cut_off" || state == "done") << state;
}

TEST_F(PageAnswers, BelongToTheirKeyAndArePaidByIt) {
  const store::NewKey alice = key_with(1'000'000);
  const std::string bob = keys.create({.name = "bob"}).secret;
  begin(alice.secret);
  const RawClient::Reply reply = post(answers(), request(), alice.secret);
  const std::vector<Event> events = events_of(reply.body);
  ASSERT_FALSE(events.empty()) << reply.body;
  const std::string answer = events.front().data["answer"];
  EXPECT_EQ(get("/web/answers/" + answer, bob).status, 404);
  EXPECT_EQ(post("/web/answers/" + answer + "/stop", json::object(), bob).status, 404);
  EXPECT_EQ(post(answers(), request(), bob).status, 404) << "the chat is not his";
  ASSERT_EQ(charges().size(), 1);
  EXPECT_EQ(charges()[0].key_id, alice.key.id);
}

TEST_F(PageAnswers, RefuseBadRequests) {
  begin();
  const auto status = [&](const json& more) { return post(answers(), request(more), "").status; };
  EXPECT_EQ(status({{"temperature", 3}}), 422);
  EXPECT_EQ(status({{"messages", json::array()}}), 422);
  EXPECT_EQ(status({{"stop", "x"}}), 400);
  EXPECT_EQ(status({{"n", 2}}), 400);
  EXPECT_EQ(status({{"model", "other"}}), 404);
  EXPECT_EQ(status({{"parent_id", "msg_none"}}), 404);
  EXPECT_EQ(status({{"max_tokens", 5000}}), 400) << "beyond the context";
  EXPECT_EQ(get("/web/answers/none", "").status, 400);
  EXPECT_EQ(get("/web/answers/" + std::string(32, '0'), "").status, 404);
  for (const std::string& id : {std::string("none"), std::string(32, '0')}) {
    EXPECT_EQ(error_of(get("/web/answers/" + id, ""))["param"], "answer");
    EXPECT_EQ(error_of(post("/web/answers/" + id + "/stop", json::object(), ""))["param"],
              "answer");
  }
}

TEST_F(PageAnswers, AreBoundToJsonWhenAsked) {
  begin();
  post(answers(), request({{"response_format", {{"type", "json_object"}}}, {"max_tokens", 200}}),
       "");
  EXPECT_TRUE(json::accept(last_message()["content"].get<std::string>()) ||
              last_message()["details"]["finish_reason"] == "length");
}

}  // namespace
}  // namespace deepseek::serve
