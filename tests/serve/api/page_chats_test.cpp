// SPDX-License-Identifier: Apache-2.0
// The chats that the web page keeps on the server.
#include <gtest/gtest.h>

#include <set>

#include "serve/api/page.h"
#include "tests/serve/api/accounted_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::AccountedServer;
using testing::RawClient;

class PageChats : public AccountedServer {
 protected:
  json ask(const std::string& path, const std::string& secret = "") {
    const RawClient::Reply reply = get(path, secret);
    EXPECT_EQ(reply.status, 200) << path << ": " << reply.body;
    return json::parse(reply.body);
  }
  json made(const std::string& path, const json& body, const std::string& secret = "") {
    const RawClient::Reply reply = post(path, body, secret);
    EXPECT_EQ(reply.status, 201) << path << ": " << reply.body;
    return json::parse(reply.body);
  }
  RawClient::Reply send(const std::string& method, const std::string& path,
                        const std::string& secret = "", const json& body = json::object()) {
    RawClient client(address());
    const std::string text = body.dump();
    client.send(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " +
                "application/json\r\n" + sent(secret) +
                "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text);
    return client.reply();
  }
};

TEST_F(PageChats, AreATreeThatComesBackWhole) {
  start();
  const json chat = made("/web/chats", {{"title", "猫"}, {"settings", {{"temperature", 0.5}}}});
  const std::string path = "/web/chats/" + chat["id"].get<std::string>();
  EXPECT_EQ(chat["settings"]["temperature"], 0.5);
  const json question = made(path + "/messages", {{"parent_id", nullptr},
                                                  {"role", "user"},
                                                  {"content", "他说你好"},
                                                  {"details", {{"attachments", {}}}}});
  const json first = made(path + "/messages",
                          {{"parent_id", question["id"]}, {"role", "assistant"}, {"content", "a"}});
  made(path + "/messages", {{"parent_id", question["id"]},
                            {"role", "assistant"},
                            {"content", "b"},
                            {"reasoning", "why"}});
  const json whole = ask(path);
  EXPECT_EQ(whole["title"], "猫");
  ASSERT_EQ(whole["messages"].size(), 3);
  EXPECT_EQ(whole["messages"][0]["parent_id"], nullptr);
  EXPECT_EQ(whole["messages"][1]["id"], first["id"]);
  EXPECT_EQ(whole["messages"][2]["parent_id"], question["id"]);
  EXPECT_EQ(whole["messages"][2]["reasoning"], "why");

  const json found = ask("/web/search?q=%E4%BD%A0%E5%A5%BD")["hits"];  // 你好
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(found[0]["chat_id"], chat["id"]);
  EXPECT_EQ(found[0]["message_id"], question["id"]);

  const RawClient::Reply changed = send("PATCH", path, "", {{"title", "dog"}});
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(json::parse(changed.body)["settings"]["temperature"], 0.5) << "what is absent stays";
  EXPECT_EQ(ask("/web/chats")["chats"][0]["title"], "dog");
  EXPECT_EQ(send("DELETE", path).status, 200);
  EXPECT_EQ(send("DELETE", path).status, 404);
  EXPECT_EQ(get(path, "").status, 404);
  EXPECT_TRUE(ask("/web/chats")["chats"].empty());
}

TEST_F(PageChats, BelongToTheirKeyAlone) {
  const std::string alice = keys.create({.name = "alice"}).secret;
  const std::string bob = keys.create({.name = "bob"}).secret;
  config.api_keys = {"sk-static"};
  start();
  const json chat = made("/web/chats", {{"title", "hers"}}, alice);
  const std::string path = "/web/chats/" + chat["id"].get<std::string>();
  made(path + "/messages", {{"role", "user"}, {"content", "a secret"}}, alice);
  EXPECT_EQ(get("/web/chats", "").status, 401);
  for (const std::string& other : {bob, std::string("sk-static")}) {
    EXPECT_TRUE(ask("/web/chats", other)["chats"].empty());
    EXPECT_TRUE(ask("/web/search?q=secret", other)["hits"].empty());
    EXPECT_EQ(get(path, other).status, 404);
    EXPECT_EQ(send("PATCH", path, other, {{"title", "his"}}).status, 404);
    EXPECT_EQ(send("DELETE", path, other).status, 404);
    EXPECT_EQ(post(path + "/messages", {{"role", "user"}, {"content", "x"}}, other).status, 404);
  }
  EXPECT_EQ(json::parse(send("DELETE", "/web/chats", bob).body)["removed"], 0);
  EXPECT_EQ(json::parse(send("DELETE", "/web/chats", alice).body)["removed"], 1);
}

TEST_F(PageChats, OutliveARestartWhereThereIsAStore) {
  start();
  EXPECT_EQ(ask("/web/session")["history"], "kept");
  made("/web/chats", {{"title", "t"}});
  stop();
  start();
  EXPECT_EQ(ask("/web/chats")["chats"].size(), 1);
}

TEST_F(PageChats, AreKeptInMemoryWithoutAStore) {
  config.store.reset();
  start();
  EXPECT_EQ(ask("/web/session")["history"], "until_the_server_stops");
  const json chat = made("/web/chats", {{"title", "t"}});
  made("/web/chats/" + chat["id"].get<std::string>() + "/messages",
       {{"role", "user"}, {"content", "found again"}});
  EXPECT_EQ(ask("/web/search?q=again")["hits"].size(), 1);
}

TEST_F(PageChats, AreNotSharedByStrangers) {
  config.http.listen = {{"0.0.0.0", 0}};
  config.force_public = true;
  start();
  EXPECT_EQ(ask("/web/session")["history"], "none");
  const RawClient::Reply refused = get("/web/chats", "");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(error_of(refused).at("code"), "history_needs_a_key");
}

TEST_F(PageChats, NeedTheScope) {
  const std::string chat_alone = keys.create({.name = "ci", .scopes = {"chat"}}).secret;
  start();
  EXPECT_EQ(ask("/web/session", chat_alone)["history"], "none");
  EXPECT_EQ(get("/web/chats", chat_alone).status, 403);
}

TEST_F(PageChats, RefuseWhatTheyCannotHold) {
  start();
  const std::string path =
      "/web/chats/" + made("/web/chats", json::object())["id"].get<std::string>() + "/messages";
  const auto status = [&](const json& body) { return post(path, body, "").status; };
  EXPECT_EQ(status({{"role", "system"}, {"content", "x"}}), 422);
  EXPECT_EQ(status({{"role", "user"}}), 400);
  EXPECT_EQ(status({{"role", "user"}, {"content", 5}}), 400);
  EXPECT_EQ(status({{"role", "user"}, {"content", "x"}, {"more", 1}}), 400);
  EXPECT_EQ(status({{"role", "user"}, {"content", "x"}, {"parent_id", "msg_none"}}), 404);
  EXPECT_EQ(status({{"role", "user"}, {"content", std::string(9 << 20, 'x')}}), 413);
  EXPECT_EQ(post("/web/chats", {{"title", std::string(500, 'x')}}, "").status, 422);
  EXPECT_EQ(get("/web/chats/conv_none", "").status, 404);
}

TEST_F(PageChats, TheSessionSaysWhatThePageMayShow) {
  const std::string user = keys.create({.name = "alice"}).secret;
  const std::string admin =
      keys.create({.name = "op", .scopes = {"chat", "history", "admin"}}).secret;
  start(
      "currency: USD\nzone: UTC\nmodels:\n  tiny: [{from: 2020-01-01, hit: 0.5, miss: 1, output: "
      "2}]\n");
  const json session = ask("/web/session", user);
  EXPECT_EQ(session["key"], "alice");
  EXPECT_EQ(session["guarded"], true);
  EXPECT_EQ(session["operator"], false);
  EXPECT_EQ(session["models"][0]["id"], "tiny");
  EXPECT_EQ(session["models"][0]["context_length"], 2048);
  EXPECT_EQ(session["models"][0]["price"]["output_micro"], 2'000'000);
  EXPECT_EQ(ask("/web/session", admin)["operator"], true);
}

TEST_F(PageChats, TheOperatorSeesLoadKeysAndSpending) {
  const std::string user = keys.create({.name = "alice"}).secret;
  const std::string admin =
      keys.create({.name = "op", .scopes = {"chat", "history", "admin"}}).secret;
  start(
      "currency: USD\nzone: UTC\nmodels:\n  tiny: [{from: 2020-01-01, hit: 1, miss: 1, output: "
      "1}]\n");
  EXPECT_EQ(get("/web/operator", user).status, 403);
  EXPECT_EQ(post("/v1/chat/completions", chat(), user).status, 200);
  const json page = ask("/web/operator?days=7", admin);
  EXPECT_EQ(page["load"][0]["model"], "tiny");
  EXPECT_EQ(page["load"][0]["submitted"], 1);
  EXPECT_GT(page["load"][0]["cache"]["total_pages"], 0);
  ASSERT_EQ(page["keys"].size(), 2);
  const std::set<json> names{page["keys"][0]["name"], page["keys"][1]["name"]};
  EXPECT_EQ(names, (std::set<json>{"alice", "op"})) << "made in one millisecond, in any order";
  EXPECT_EQ(page["keys"][0]["state"], "active");
  EXPECT_EQ(page.dump().find(user), std::string::npos) << "secrets are shown to nobody";
  ASSERT_EQ(page["spending"].size(), 1);
  EXPECT_EQ(page["spending"][0]["output_tokens"], 16);
  EXPECT_EQ(get("/web/operator?days=0", admin).status, 422);
  EXPECT_EQ(get("/web/operator?days=x", admin).status, 422);
}

TEST_F(PageChats, WhatIsMissingIsNamed) {
  start();
  const auto expect_missing = [](const RawClient::Reply& reply, const char* param) {
    EXPECT_EQ(reply.status, 404) << reply.body;
    EXPECT_EQ(json::parse(reply.body)["error"]["param"], param) << reply.body;
  };
  const json said = {{"role", "user"}, {"content", "a"}, {"parent_id", "msg_none"}};
  expect_missing(get("/web/chats/none", ""), "chat");
  expect_missing(send("PATCH", "/web/chats/none"), "chat");
  expect_missing(send("POST", "/web/chats/none/messages", "", said), "chat");
  const json chat = made("/web/chats", json::object());
  const std::string path = "/web/chats/" + chat["id"].get<std::string>() + "/messages";
  expect_missing(send("POST", path, "", said), "parent_id");
}

}  // namespace
}  // namespace deepseek::serve
