// SPDX-License-Identifier: Apache-2.0
#include "serve/store/history.h"

#include <gtest/gtest.h>

#include <set>

#include "core/utf8.h"
#include "serve/store/responses.h"
#include "serve/store/search_words.h"
#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;

class HistoryOn : public OnBothBackends {
 protected:
  void SetUp() override {
    OnBothBackends::SetUp();
    if (!IsSkipped()) history = std::make_unique<History>(*database, clock);
  }
  ChatMessage add(const std::string& conversation, const std::string& content,
                  std::optional<std::string> parent = {}) {
    clock.advance(1);
    ChatMessage message;
    message.parent_id = std::move(parent);
    message.role = "user";
    message.content = content;
    return history->add("k", conversation, message);
  }
  int hits(const std::string& query) { return int(history->search("k", query, 100).size()); }
  std::unique_ptr<History> history;
};
RUN_ON_BOTH_BACKENDS(HistoryOn);

TEST_P(HistoryOn, BranchesKeepTheirParents) {
  const Conversation chat = history->create("k", "title", R"({"temperature":1})");
  const ChatMessage question = add(chat.id, "question");
  const ChatMessage one = add(chat.id, "answer one", question.id);
  const ChatMessage two = add(chat.id, "answer two", question.id);
  const auto messages = history->messages("k", chat.id);
  ASSERT_EQ(messages.size(), 3);
  EXPECT_FALSE(messages[0].parent_id);
  EXPECT_EQ(messages[1].parent_id, question.id);
  EXPECT_EQ(messages[2].parent_id, question.id);
  EXPECT_EQ(messages[2].id, two.id);
  ChatMessage longer = one;
  longer.content = "answer one, continued";
  longer.reasoning = "because";
  history->rewrite("k", longer);
  EXPECT_EQ(history->messages("k", chat.id)[1].content, "answer one, continued");
  EXPECT_EQ(history->messages("k", chat.id)[1].reasoning, "because");
  EXPECT_EQ(hits("continued"), 1);
  refused(ErrorKind::not_found, [&] { add(chat.id, "x", "msg_nothing"); });
  refused(ErrorKind::not_found, [&] { add("conv_nothing", "x"); });
}

TEST_P(HistoryOn, AKeyKeepsSoMuchAndNoMore) {
  history = std::make_unique<History>(
      *database, clock,
      HistoryLimits{
          .conversations_of_a_key = 2, .messages_of_a_conversation = 3, .bytes_of_a_key = 100});
  const Conversation one = history->create("k", "one", "{}");
  const Conversation two = history->create("k", "two", "{}");
  refused(ErrorKind::out_of_memory, [&] { history->create("k", "three", "{}"); });
  history->create("other", "one", "{}");

  const ChatMessage message = add(one.id, std::string(60, 'x'));
  refused(ErrorKind::out_of_memory, [&] { add(two.id, std::string(60, 'y')); });
  ChatMessage longer = message;
  longer.content = std::string(101, 'x');
  refused(ErrorKind::out_of_memory, [&] { history->rewrite("k", longer); });
  longer.content = "short";
  history->rewrite("k", longer);
  add(two.id, std::string(60, 'y'));
  history->remove("k", two.id);
  add(one.id, "a");
  add(one.id, "b");
  refused(ErrorKind::out_of_memory, [&] { add(one.id, "c"); });
}

TEST_P(HistoryOn, TitlesAndSettingsCountAsWell) {
  history = std::make_unique<History>(*database, clock, HistoryLimits{.bytes_of_a_key = 100});
  const std::string large(60, 'x');
  const Conversation one = history->create("k", large, "{}");
  refused(ErrorKind::out_of_memory, [&] { history->create("k", large, "{}"); });
  refused(ErrorKind::out_of_memory, [&] { history->create("k", "two", large); });
  EXPECT_EQ(history->list("k", "", 10).size(), 1);
  refused(ErrorKind::out_of_memory, [&] { history->change("k", one.id, {}, large); });
  EXPECT_EQ(history->find("k", one.id)->settings, "{}");
  history->change("k", one.id, "short", {});
  history->create("k", large, "{}");
}

TEST_P(HistoryOn, KeysSeeTheirOwnAlone) {
  const Conversation chat = history->create("k", "mine", "{}");
  const ChatMessage message = add(chat.id, "private words");
  EXPECT_FALSE(history->find("l", chat.id));
  EXPECT_TRUE(history->list("l", "", 10).empty());
  EXPECT_TRUE(history->search("l", "private", 10).empty());
  refused(ErrorKind::not_found, [&] { history->messages("l", chat.id); });
  refused(ErrorKind::not_found, [&] { history->rewrite("l", message); });
  refused(ErrorKind::not_found, [&] { history->change("l", chat.id, "x", {}); });
  refused(ErrorKind::not_found, [&] { history->add("l", chat.id, message); });
  EXPECT_FALSE(history->remove("l", chat.id));
  EXPECT_EQ(history->remove_all("l"), 0);
  EXPECT_EQ(history->messages("k", chat.id).size(), 1);
}

TEST_P(HistoryOn, AnyPartOfAMessageIsFoundInAnyScript) {
  const Conversation chat = history->create("k", "Cooking with Anna", "{}");
  add(chat.id, "The quick brown Fox jumps over 100% of the lazy_dogs");
  add(chat.id, "他说你好世界，今天天气不错");
  add(chat.id, "사과와 바나나 — naïve café \"quoted\" it's");
  EXPECT_EQ(hits("quick"), 1);
  EXPECT_EQ(hits("QUICK fox"), 1);
  EXPECT_EQ(hits("row"), 1);
  EXPECT_EQ(hits("fox elephant"), 0);
  EXPECT_EQ(hits("你好"), 1);
  EXPECT_EQ(hits("好"), 1);
  EXPECT_EQ(hits("今天天气"), 1);
  EXPECT_EQ(hits("天气 世界"), 1);
  EXPECT_EQ(hits("再见"), 0);
  EXPECT_EQ(hits("바나나"), 1);
  EXPECT_EQ(hits("\"quoted\""), 1);
  EXPECT_EQ(hits("it's"), 1);
  EXPECT_EQ(hits("0%"), 1);
  EXPECT_EQ(hits("%"), 1);
  EXPECT_EQ(hits("_"), 1);
  EXPECT_EQ(hits("y_d"), 1);
  EXPECT_EQ(hits("quick OR elephant"), 0);
  EXPECT_EQ(hits("qui*"), 0);
  EXPECT_EQ(hits(""), 0);
  EXPECT_EQ(hits(" \t"), 0);
  EXPECT_EQ(hits(std::string("\0\xff", 2)), 0);
  const auto titles = history->search("k", "anna", 10);
  ASSERT_EQ(titles.size(), 1);
  EXPECT_EQ(titles[0].message_id, "");
  EXPECT_EQ(titles[0].title, "Cooking with Anna");
}

TEST_P(HistoryOn, WhatIsDeletedIsNoLongerFound) {
  const Conversation one = history->create("k", "one", "{}"),
                     two = history->create("k", "two", "{}");
  add(one.id, "elephants remember");
  add(two.id, "elephants forget");
  EXPECT_EQ(hits("elephants"), 2);
  EXPECT_TRUE(history->remove("k", one.id));
  EXPECT_EQ(hits("elephants"), 1);
  add(two.id, "giraffes");
  EXPECT_EQ(hits("giraffes"), 1);
  EXPECT_EQ(history->remove_all("k"), 1);
  EXPECT_EQ(hits("elephants"), 0);
  EXPECT_TRUE(history->list("k", "", 10).empty());
}

TEST_P(HistoryOn, ConversationsAreListedLatestChangedFirst) {
  std::vector<Conversation> made;
  for (int i = 0; i < 4; ++i) {
    made.push_back(history->create("k", concat("c", i), "{}"));
    clock.advance(1);
  }
  add(made[0].id, "wakes it up");
  EXPECT_EQ(history->change("k", made[1].id, "renamed", R"({"x":1})").settings, R"({"x":1})");
  const auto page = history->list("k", "", 3);
  ASSERT_EQ(page.size(), 3);
  std::set<std::string> top{page[0].id, page[1].id};
  EXPECT_EQ(top, (std::set<std::string>{made[0].id, made[1].id}));
  EXPECT_EQ(page[2].id, made[3].id);
  EXPECT_EQ(history->list("k", page[2].id, 3)[0].id, made[2].id);
}

TEST_P(HistoryOn, TextWithNulOrBrokenUtf8IsKeptReadable) {
  const Conversation chat = history->create("k", std::string("a\0b", 3), "{}");
  EXPECT_EQ(history->find("k", chat.id)->title, "a\uFFFDb");
  EXPECT_EQ(add(chat.id, "x\xff").content, "x\uFFFD");
}

TEST(SearchWords, ExcerptsAreCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "中文\n";
  text += "needle";
  for (int i = 0; i < 200; ++i) text += "文中";
  const std::string excerpt = excerpt_around(text, "NEEDLE");
  EXPECT_NE(excerpt.find("needle"), std::string::npos);
  EXPECT_TRUE(is_valid_utf8(excerpt));
  EXPECT_EQ(excerpt.find('\n'), std::string::npos);
  EXPECT_LT(excerpt.size(), 200);
  EXPECT_EQ(excerpt_around("short", "absent"), "short");
}

using ResponsesOn = OnBothBackends;
RUN_ON_BOTH_BACKENDS(ResponsesOn);

TEST_P(ResponsesOn, AreKeptInChains) {
  Responses responses(*database, clock);
  const std::string body = std::string("{\"output\":\"\0\"}", 14);
  responses.put("k", {"resp_1", {}, body, *clock.now_ms});
  responses.put("k", {"resp_2", "resp_1", "{}", *clock.now_ms});
  responses.put("k", {"resp_3", "resp_2", "{}", *clock.now_ms});
  EXPECT_EQ(responses.find("k", "resp_1")->body, body);
  const auto chain = responses.chain("k", "resp_3", 10);
  ASSERT_TRUE(chain);
  ASSERT_EQ(chain->size(), 3);
  EXPECT_EQ((*chain)[0].id, "resp_1");
  EXPECT_EQ((*chain)[0].size_bytes, 14);
  EXPECT_EQ((*chain)[1].previous_id, "resp_1");
  EXPECT_FALSE(responses.find("l", "resp_1"));
  EXPECT_FALSE(responses.remove("l", "resp_1"));
  EXPECT_TRUE(responses.remove("k", "resp_1"));
  EXPECT_FALSE(responses.chain("k", "resp_3", 10));
}

TEST_P(ResponsesOn, AreBoundedInAgeNumberAndSize) {
  Responses responses(
      *database, clock,
      {.lifetime_ms = 1000, .largest_bytes = 50, .most_per_key = 3, .most_bytes_per_key = 100});
  refused(ErrorKind::out_of_memory, [&] {
    responses.put("k", {"big", {}, std::string(51, 'x'), *clock.now_ms});
  });
  for (int i = 0; i < 5; ++i) {
    responses.put("k", {concat("r", i), {}, "{}", *clock.now_ms});
    clock.advance(1);
  }
  EXPECT_FALSE(responses.find("k", "r1"));
  EXPECT_TRUE(responses.find("k", "r2"));
  responses.put("k", {"large", {}, std::string(50, 'x'), *clock.now_ms});
  responses.put("k", {"larger", {}, std::string(50, 'y'), *clock.now_ms});
  EXPECT_FALSE(responses.find("k", "r4"));
  EXPECT_TRUE(responses.find("k", "large"));
  clock.advance(1001);
  EXPECT_FALSE(responses.find("k", "large"));
  responses.tidy();
}

}  // namespace
}  // namespace deepseek::store
