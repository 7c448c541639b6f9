// SPDX-License-Identifier: Apache-2.0
// Anthropic's Messages API.
#include "tests/serve/api/dialect_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::DialectServer;
using testing::RawClient;

class Messages : public DialectServer {
 protected:
  static constexpr const char* path = "/v1/messages";

  static json ask(const json& more = json::object()) {
    json body = {{"model", "claude-sonnet"},
                 {"max_tokens", 24},
                 {"seed", 5},
                 {"messages", {{{"role", "user"}, {"content", "he he"}}}}};
    body.update(more);
    return body;
  }
  static json tool() {
    return {{"name", "look"}, {"description", "looks"}, {"input_schema", depth_schema()}};
  }
  /// The message that a stream's events make up, as clients put it together.
  static json put_together(const std::vector<json>& events) {
    json message;
    std::string input;
    for (const json& event : events) {
      const std::string type = event["type"];
      if (type == "message_start") message = event["message"];
      if (type == "content_block_start") {
        EXPECT_EQ(event["index"], message["content"].size());
        message["content"].push_back(event["content_block"]);
        input.clear();
      }
      if (type == "content_block_delta") {
        json& block = message["content"][event["index"].get<size_t>()];
        for (const char* name : {"text", "thinking", "signature"})
          if (event["delta"].contains(name))
            block[name] = block[name].get<std::string>() + event["delta"][name].get<std::string>();
        input += event["delta"].value("partial_json", "");
      }
      if (type == "content_block_stop" && !input.empty())
        message["content"][event["index"].get<size_t>()]["input"] = json::parse(input);
      if (type == "message_delta") {
        message.update(event["delta"]);
        message["usage"] = event["usage"];
      }
    }
    return message;
  }
  static json without_ids(json message) {
    message.erase("id");
    message.erase("usage");
    for (json& block : message["content"]) block.erase("id");
    return message;
  }
};

TEST_F(Messages, AStreamIsTheWholeMessageInEvents) {
  start();
  const json whole = answer(path, ask());
  EXPECT_EQ(whole["type"], "message");
  EXPECT_EQ(whole["role"], "assistant");
  EXPECT_EQ(whole["model"], "claude-sonnet");
  EXPECT_TRUE(whole["id"].get<std::string>().starts_with("msg_"));
  const auto stream = events("/anthropic/v1/messages", ask());
  EXPECT_EQ(stream.front()["type"], "message_start");
  EXPECT_EQ(stream[1]["type"], "ping");
  EXPECT_EQ(stream[stream.size() - 2]["type"], "message_delta");
  EXPECT_EQ(stream.back()["type"], "message_stop");
  const json together = put_together(stream);
  EXPECT_EQ(without_ids(together), without_ids(whole));
  EXPECT_EQ(together["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
}

TEST_F(Messages, AnswersAsChatDoes) {
  start();
  const json message = answer(path, ask({{"system", "be brief"}, {"temperature", 0}}));
  json body = chat({{"temperature", 0}, {"max_tokens", 24}, {"ignore_eos", false}});
  body["messages"] = {{{"role", "system"}, {"content", "be brief"}},
                      {{"role", "user"}, {"content", "he he"}}};
  body["thinking"] = {{"type", "disabled"}};
  const json page = answer("/v1/chat/completions", body);
  EXPECT_EQ(message["content"][0]["text"], page["choices"][0]["message"]["content"]);
  const json& usage = message["usage"];
  EXPECT_EQ(usage["input_tokens"].get<int>() + usage["cache_read_input_tokens"].get<int>(),
            page["usage"]["prompt_tokens"].get<int>());
}

TEST_F(Messages, ThinkingIsShownWhenAskedForAndSigned) {
  start();
  const json thinks = ask({{"thinking", {{"type", "enabled"}, {"budget_tokens", 6}}}});
  const json whole = answer(path, thinks);
  ASSERT_EQ(whole["content"].size(), 2U) << whole;
  EXPECT_EQ(whole["content"][0]["type"], "thinking");
  EXPECT_FALSE(whole["content"][0]["signature"].get<std::string>().empty());
  EXPECT_EQ(whole["content"][1]["type"], "text");
  EXPECT_GT(whole["usage"]["output_tokens_details"]["thinking_tokens"].get<int>(), 0);
  EXPECT_EQ(without_ids(put_together(events(path, thinks))), without_ids(whole));
  const json plain = answer(path, ask());
  for (const json& block : plain["content"]) EXPECT_EQ(block["type"], "text");
}

TEST_F(Messages, AToolIsCalledAndItsResultGoesBack) {
  start();
  json body = ask({{"tools", {tool()}}, {"max_tokens", 200}});
  body["tool_choice"] = {{"type", "any"}, {"disable_parallel_tool_use", true}};
  body["thinking"] = {{"type", "enabled"}, {"budget_tokens", 4}};
  const json whole = answer(path, body);
  EXPECT_EQ(whole["stop_reason"], "tool_use");
  const json call = whole["content"].back();
  ASSERT_EQ(call["type"], "tool_use") << whole;
  EXPECT_EQ(call["name"], "look");
  EXPECT_TRUE(call["input"]["depth"].is_number_integer());
  EXPECT_EQ(without_ids(put_together(events(path, body))), without_ids(whole));

  body["tool_choice"] = {{"type", "auto"}};
  const json result = {{"type", "tool_result"}, {"tool_use_id", call["id"]}, {"content", "deep"}};
  body["messages"].push_back({{"role", "assistant"}, {"content", whole["content"]}});
  body["messages"].push_back({{"role", "user"}, {"content", {result}}});
  EXPECT_EQ(answer(path, body)["role"], "assistant");

  json wrong = body;
  wrong["messages"][2]["content"][0]["tool_use_id"] = "toolu_none";
  expect_refused(path, wrong, 400, {"messages[2].content[0]", "toolu_none"});
  json changed = body;
  changed["messages"][1]["content"][0]["thinking"] = "something else";
  expect_refused(path, changed, 400, {"signature"});
  json dropped = body;
  dropped["messages"][1]["content"].erase(0);
  expect_refused(path, dropped, 400, {"messages[1]", "reasoning"});
  dropped["thinking"] = {{"type", "disabled"}};
  EXPECT_EQ(answer(path, dropped)["role"], "assistant");
  json unanswered = body;
  unanswered["messages"].erase(2);
  expect_refused(path, unanswered, 400, {"tool_result"});
}

TEST_F(Messages, ReasoningMayBeDroppedWhereTheServerIsLenient) {
  config.strict_replay = false;
  start();
  json body = ask({{"tools", {tool()}}, {"thinking", {{"type", "adaptive"}}}});
  body["messages"].push_back(
      {{"role", "assistant"},
       {"content",
        {{{"type", "thinking"}, {"thinking", "hm"}, {"signature", "of another server"}},
         {{"type", "tool_use"}, {"id", "1"}, {"name", "look"}, {"input", {{"depth", 1}}}}}}});
  body["messages"].push_back(
      {{"role", "user"}, {"content", {{{"type", "tool_result"}, {"tool_use_id", "1"}}}}});
  EXPECT_EQ(answer(path, body)["role"], "assistant");
  body["messages"][1]["content"].erase(0);
  EXPECT_EQ(answer(path, body)["role"], "assistant");
}

TEST_F(Messages, StopsAtASequenceAndSaysWhich) {
  start();
  const json free = answer(path, ask());
  const std::string text = free["content"][0]["text"];
  ASSERT_GT(text.size(), 8U);
  // Any stretch of the answer that is valid text on its own.
  size_t begin = 2;
  while ((text[begin] & 0x80) != 0) ++begin;
  const std::string stop = text.substr(begin, 1);
  const json stopped = answer(path, ask({{"stop_sequences", {"never written", stop}}}));
  EXPECT_EQ(stopped["stop_reason"], "stop_sequence");
  EXPECT_EQ(stopped["stop_sequence"], stop);
  EXPECT_EQ(answer(path, ask({{"max_tokens", 2}}))["stop_reason"], "max_tokens");
}

TEST_F(Messages, ABegunAnswerAndAnOutputFormatAreFollowed) {
  start();
  json body = ask({{"max_tokens", 60}, {"temperature", 1}});
  body["output_config"] = {{"effort", "low"},
                           {"format", {{"type", "json_schema"}, {"schema", depth_schema()}}}};
  const json page = answer(path, body);
  EXPECT_TRUE(json::parse(page["content"][0]["text"].get<std::string>())["depth"].is_number());
  json begun = ask();
  const json count = answer("/v1/messages/count_tokens", begun);
  begun["messages"].push_back({{"role", "assistant"}, {"content", "so far"}});
  EXPECT_EQ(answer("/v1/messages/count_tokens", begun)["input_tokens"],
            count["input_tokens"].get<int>() + 6);
  EXPECT_EQ(answer(path, begun)["role"], "assistant");
}

TEST_F(Messages, TokensAreCountedAsTheyAreUsed) {
  start();
  json body = ask({{"system",
                    {{{"type", "text"}, {"text", std::string(200, 'x')}},
                     {{"type", "text"}, {"text", "he"}}}}});
  const json count = answer("/anthropic/v1/messages/count_tokens", body);
  const json first = answer(path, body)["usage"];
  const json second = answer(path, body)["usage"];
  EXPECT_EQ(first["input_tokens"], count["input_tokens"]);
  EXPECT_GE(second["cache_read_input_tokens"].get<int>(), 192);
  EXPECT_EQ(second["cache_read_input_tokens"].get<int>() + second["input_tokens"].get<int>(),
            count["input_tokens"].get<int>());
  EXPECT_EQ(events(path, body).front()["message"]["usage"]["cache_read_input_tokens"],
            second["cache_read_input_tokens"]);
}

TEST_F(Messages, RefusalsHaveTheirEnvelope) {
  start();
  const RawClient::Reply reply = post(path, ask({{"model", "other"}}), "");
  EXPECT_EQ(reply.status, 404);
  const json page = json::parse(reply.body);
  EXPECT_EQ(page["type"], "error");
  EXPECT_EQ(page["error"]["type"], "not_found_error");
  EXPECT_FALSE(page["request_id"].get<std::string>().empty());
  EXPECT_EQ(reply.field("request-id"), page["request_id"].get<std::string>());
  json without = ask();
  without.erase("max_tokens");
  expect_refused(path, without, 400, {"max_tokens", "invalid_request_error"});
  expect_refused(path, ask({{"max_tokens", "many"}}), 400, {"max_tokens"});
  expect_refused(path, ask({{"temperature", 3}}), 422, {"temperature"});
  expect_refused(path, ask({{"tools", {{{"name", "x"}, {"type", "web_search_20250305"}}}}}), 422,
                 {"tools[0].type", "web_search"});
  expect_refused(path, ask({{"tool_choice", {{"type", "tool"}}}}), 400, {"tool_choice.name"});
  json image = ask();
  image["messages"][0]["content"] = {{{"type", "image"}, {"source", {{"type", "base64"}}}}};
  expect_refused(path, image, 422, {"messages[0].content[0].type", "image"});
  json bare = ask();
  bare["messages"][0]["content"] = {{{"type", "text"}}};
  expect_refused(path, bare, 400, {"messages[0].content[0].text"});
  const RawClient::Reply old = post(path, ask(), "", "anthropic-version: latest\r\n");
  EXPECT_EQ(old.status, 400);
}

TEST_F(Messages, StopTextsAreShortAsInEveryDialect) {
  start();
  const std::string longest(1024, 'x'), longer(1025, 'x');
  const json messages = ask()["messages"];
  const auto bodies = [&](const std::string& stop) {
    return std::vector<std::pair<std::string, json>>{
        {path, ask({{"stop_sequences", {stop}}})},
        {"/v1/chat/completions", {{"messages", messages}, {"max_tokens", 1}, {"stop", stop}}},
        {"/v1/completions", {{"prompt", "he"}, {"max_tokens", 1}, {"stop", {stop}}}},
        {"/v1/responses", {{"input", "he"}, {"max_output_tokens", 1}, {"stop", {stop}}}},
        {"/api/generate",
         {{"model", "tiny"}, {"prompt", "he"}, {"options", {{"num_predict", 1}, {"stop", stop}}}}}};
  };
  for (const auto& [route, body] : bodies(longest))
    EXPECT_EQ(post(route, body, "").status, 200) << route;
  for (const auto& [route, body] : bodies(longer)) expect_refused(route, body, 422, {"stop"});
}

TEST_F(Messages, KeysAndMoneyCount) {
  const std::string secret = key_with(1'000'000).secret;
  const std::string poor = key_with(1).secret;
  start(
      "currency: USD\nzone: UTC\nmodels:\n"
      "  tiny: [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]\n");
  EXPECT_EQ(post(path, ask(), "").status, 401);
  const RawClient::Reply paid = post(path, ask(), "", "x-api-key: " + secret + "\r\n");
  ASSERT_EQ(paid.status, 200) << paid.body;
  ASSERT_EQ(charges().size(), 1U);
  EXPECT_EQ(charges()[0].tokens.output, json::parse(paid.body)["usage"]["output_tokens"]);
  const RawClient::Reply broke = post(path, ask(), poor);
  EXPECT_EQ(broke.status, 402);
  EXPECT_EQ(error_of(broke)["type"], "billing_error");
  const std::string same = "Idempotency-Key: one\r\n";
  const RawClient::Reply once = post(path, ask({{"stream", true}}), secret, same);
  const RawClient::Reply again = post(path, ask({{"stream", true}}), secret, same);
  EXPECT_EQ(again.body, once.body);
  const RawClient::Reply count = post("/v1/messages/count_tokens", ask(), secret);
  for (const RawClient::Reply* reply : {&paid, &broke, &once, &again, &count}) {
    EXPECT_FALSE(reply->field("request-id").empty()) << reply->head;
    EXPECT_EQ(reply->field("request-id"), reply->field("x-request-id"));
  }
  EXPECT_EQ(charges().size(), 2U);
}

}  // namespace
}  // namespace deepseek::serve
