// SPDX-License-Identifier: Apache-2.0
// OpenAI's Responses API.
#include "serve/store/responses.h"

#include "tests/serve/api/dialect_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::DialectServer;

class ResponsesApi : public DialectServer {
 protected:
  static constexpr const char* path = "/v1/responses";

  static json ask(const json& more = json::object()) {
    json body = {{"model", "tiny"},
                 {"input", "he he"},
                 {"max_output_tokens", 24},
                 {"reasoning", {{"effort", "none"}}},
                 {"seed", 5}};
    body.update(more);
    return body;
  }
  static json tool() {
    return {{"type", "function"}, {"name", "look"}, {"parameters", depth_schema()}};
  }
  static std::string text_of(const json& response) {
    std::string text;
    for (const json& item : response["output"])
      if (item["type"] == "message") text += item["content"][0]["text"].get<std::string>();
    return text;
  }
  static json without_ids(json output) {
    for (json& item : output)
      for (const char* name : {"id", "call_id"}) item.erase(name);
    return output;
  }
  /// The output that a stream's events make up; checks that it is the one of the last event.
  static json put_together(const std::vector<json>& events) {
    json output = json::array();
    for (size_t i = 0; i < events.size(); ++i) {
      const json& event = events[i];
      EXPECT_EQ(event["sequence_number"], i);
      const std::string type = event["type"];
      if (type == "response.output_item.added") output.push_back(event["item"]);
      if (!event.contains("output_index")) continue;
      json& item = output[event["output_index"].get<size_t>()];
      if (type == "response.content_part.added") item["content"].push_back(event["part"]);
      if (type == "response.output_text.delta" || type == "response.reasoning_text.delta") {
        json& text = item["content"][0]["text"];
        text = text.get<std::string>() + event["delta"].get<std::string>();
      }
      if (type == "response.function_call_arguments.delta")
        item["arguments"] =
            item["arguments"].get<std::string>() + event["delta"].get<std::string>();
      if (type == "response.output_item.done") {
        item["status"] = event["item"]["status"];
        EXPECT_EQ(item, event["item"]);
      }
    }
    EXPECT_EQ(events.front()["type"], "response.created");
    EXPECT_EQ(events.back()["response"]["output"], output);
    return output;
  }
};

TEST_F(ResponsesApi, AStreamIsTheWholeResponseInEvents) {
  start();
  for (const json& more : {json::object(), json{{"reasoning", {{"effort", "high"}}}},
                           json{{"max_output_tokens", 2}}}) {
    const json whole = answer(path, ask(more));
    EXPECT_EQ(whole["object"], "response");
    const auto stream = events("/responses", ask(more));
    EXPECT_EQ(without_ids(put_together(stream)), without_ids(whole["output"]));
    EXPECT_EQ(stream.back()["type"], "response." + whole["status"].get<std::string>());
    const json& usage = whole["usage"];
    EXPECT_EQ(usage["input_tokens"].get<int>() + usage["output_tokens"].get<int>(),
              usage["total_tokens"]);
  }
  const json cut = answer(path, ask({{"max_output_tokens", 2}}));
  EXPECT_EQ(cut["status"], "incomplete");
  EXPECT_EQ(cut["incomplete_details"]["reason"], "max_output_tokens");
}

TEST_F(ResponsesApi, AnswersAsChatDoes) {
  start();
  json body = chat({{"max_tokens", 24}, {"ignore_eos", false}});
  body["messages"].insert(body["messages"].begin(),
                          json{{"role", "system"}, {"content", "be brief"}});
  body["thinking"] = {{"type", "disabled"}};
  EXPECT_EQ(json(text_of(answer(path, ask({{"instructions", "be brief"}})))),
            answer("/v1/chat/completions", body)["choices"][0]["message"]["content"]);
  const json items = {{{"role", "developer"}, {"content", "be brief"}},
                      {{"type", "message"},
                       {"role", "user"},
                       {"content", {{{"type", "input_text"}, {"text", "he he"}}}}}};
  EXPECT_EQ(text_of(answer(path, ask({{"input", items}}))),
            text_of(answer(path, ask({{"instructions", "be brief"}}))));
}

TEST_F(ResponsesApi, AFunctionIsCalledAndItsOutputGoesBack) {
  start();
  json body = ask({{"tools", {tool()}},
                   {"tool_choice", {{"type", "function"}, {"name", "look"}}},
                   {"parallel_tool_calls", false},
                   {"max_output_tokens", 200}});
  const json whole = answer(path, body);
  const json call = whole["output"].back();
  ASSERT_EQ(call["type"], "function_call") << whole;
  EXPECT_EQ(call["name"], "look");
  EXPECT_TRUE(json::parse(call["arguments"].get<std::string>())["depth"].is_number_integer());
  EXPECT_EQ(without_ids(put_together(events(path, body))), without_ids(whole["output"]));

  json items = {{{"role", "user"}, {"content", "he he"}}};
  for (const json& item : whole["output"]) items.push_back(item);
  body.erase("tool_choice");
  expect_refused(path,
                 [&] {
                   json unanswered = body;
                   unanswered["input"] = items;
                   return unanswered;
                 }(),
                 400, {"function_call_output", "\"input\""});
  items.push_back(
      {{"type", "function_call_output"}, {"call_id", call["call_id"]}, {"output", "x"}});
  body["input"] = items;
  EXPECT_EQ(answer(path, body)["object"], "response");
  body["reasoning"] = {{"effort", "high"}};
  expect_refused(path, body, 400, {"reasoning"});
  json reasoning = {{"type", "reasoning"}, {"summary", json::array()}};
  reasoning["content"] = {{{"type", "reasoning_text"}, {"text", "hm"}}};
  body["input"].insert(body["input"].begin() + 1, reasoning);
  EXPECT_EQ(answer(path, body)["object"], "response");
  body["input"].back()["call_id"] = "call_none";
  expect_refused(path, body, 400, {"call_none", "call_id"});
}

TEST_F(ResponsesApi, WhatIsStoredIsFoundFollowedAndForgotten) {
  start();
  const json first = answer(path, ask({{"store", true}, {"metadata", {{"a", "b"}}}}));
  EXPECT_TRUE(first["store"]);
  const std::string id = first["id"];
  EXPECT_EQ(json::parse(get("/v1/responses/" + id, "").body), first);
  const json items = json::parse(get("/v1/responses/" + id + "/input_items", "").body);
  EXPECT_EQ(items["data"][0]["content"][0]["text"], "he he");
  EXPECT_FALSE(items["has_more"]);

  const json follows = ask({{"previous_response_id", id}, {"input", "and"}});
  json spelled = ask();
  spelled["input"] = {{{"role", "user"}, {"content", "he he"}},
                      first["output"][0],
                      {{"role", "user"}, {"content", "and"}}};
  EXPECT_EQ(text_of(answer(path, follows)), text_of(answer(path, spelled)));
  const auto streamed = events(path, ask({{"store", true}, {"previous_response_id", id}}));
  const std::string next = streamed.back()["response"]["id"];
  EXPECT_EQ(json::parse(get("/v1/responses/" + next, "").body)["previous_response_id"], id);

  stop();
  start();
  EXPECT_EQ(json::parse(get("/v1/responses/" + id, "").body), first);
  testing::RawClient client(address());
  client.send("DELETE /v1/responses/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(json::parse(client.reply().body)["deleted"]);
  EXPECT_EQ(get("/v1/responses/" + id, "").status, 404);
  expect_refused(path, follows, 400, {"previous_response_not_found"});
}

TEST_F(ResponsesApi, IsKeptForItsKeyAloneAndOnlyWhenAsked) {
  const std::string alice = keys.create({.name = "alice"}).secret;
  const std::string bob = keys.create({.name = "bob"}).secret;
  start();
  const json mine = json::parse(post(path, ask({{"store", true}}), alice).body);
  const std::string id = mine["id"];
  EXPECT_EQ(get("/v1/responses/" + id, alice).status, 200);
  EXPECT_EQ(get("/v1/responses/" + id, bob).status, 404);
  const json free = json::parse(post(path, ask(), alice).body);
  EXPECT_FALSE(free["store"]);
  EXPECT_EQ(get("/v1/responses/" + free["id"].get<std::string>(), alice).status, 404);
}

TEST_F(ResponsesApi, KeepsOfAnItemOnlyWhatItKnows) {
  start();
  const json item = {
      {"role", "user"},
      {"junk", "junk"},
      {"content",
       {{{"type", "input_text"}, {"text", "he he"}, {"junk", std::vector<int>(1000, 1)}}}}};
  json look = tool();
  look["junk"] = "junk";
  const json made = answer(path, ask({{"input", {item}}, {"store", true}, {"tools", {look}}}));
  EXPECT_EQ(made.at("tools"), json::array({tool()}));
  const std::string id = made["id"];
  const auto items = get("/v1/responses/" + id + "/input_items", "").body;
  EXPECT_EQ(items.find("junk"), std::string::npos) << items;
  EXPECT_EQ(json::parse(items)["data"][0]["content"],
            (json{{{"type", "input_text"}, {"text", "he he"}}}));
}

TEST_F(ResponsesApi, AChainThatCannotFitIsRefusedUnread) {
  const store::NewKey alice = keys.create({.name = "alice"});
  start();
  store::Responses responses(database);
  const int64_t now_ms = store::system_clock_ms();
  responses.put(alice.key.id, {"resp_1", {}, std::string(8 << 20, '['), now_ms});
  responses.put(alice.key.id, {"resp_2", "resp_1", "{}", now_ms});
  for (const char* route : {"/v1/responses", "/v1/responses/input_tokens"}) {
    const auto reply = post(route, ask({{"previous_response_id", "resp_2"}}), alice.secret);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(error_of(reply).at("param"), "previous_response_id") << reply.body;
    EXPECT_EQ(error_of(reply).at("code"), "context_length_exceeded");
  }
}

TEST_F(ResponsesApi, BindsItsTextAndCountsItsInput) {
  start();
  const json body = ask(
      {{"max_output_tokens", 60},
       {"text",
        {{"format", {{"type", "json_schema"}, {"name", "depth"}, {"schema", depth_schema()}}}}}});
  const json page = answer(path, body);
  EXPECT_TRUE(json::parse(text_of(page))["depth"].is_number());
  EXPECT_EQ(page["text"]["format"]["name"], "depth");
  EXPECT_EQ(answer("/v1/responses/input_tokens", body)["input_tokens"],
            page["usage"]["input_tokens"]);
}

TEST_F(ResponsesApi, RefusesWhatItCannotDo) {
  config.store.reset();
  start();
  expect_refused(path, ask({{"store", true}}), 422, {"\"store\""});
  expect_refused(path, ask({{"previous_response_id", "resp_1"}}), 400,
                 {"previous_response_not_found"});
  expect_refused(path, ask({{"background", true}}), 422, {"\"background\""});
  expect_refused(path, ask({{"conversation", "conv_1"}}), 422, {"\"conversation\""});
  expect_refused(path, ask({{"tools", {{{"type", "web_search"}}}}}), 422, {"tools[0].type"});
  expect_refused(path, ask({{"input", {{{"type", "computer_call"}}}}}), 422, {"input[0].type"});
  expect_refused(path,
                 ask({{"input", {{{"role", "user"}, {"content", {{{"type", "input_image"}}}}}}}}),
                 422, {"input[0].content[0].type"});
  expect_refused(path, ask({{"input", 3}}), 400, {"\"input\""});
  expect_refused(path, ask({{"temperature", 3}}), 422, {"\"temperature\""});
  expect_refused(path, {{"model", "tiny"}}, 400, {"\"input\""});
  EXPECT_EQ(get("/v1/responses/resp_1", "").status, 404);
}

TEST_F(ResponsesApi, AnItemOfNoTypeOrIdIsAMessage) {
  start();
  json item = {{"type", nullptr}, {"id", nullptr}, {"role", "user"}, {"content", "he he"}};
  EXPECT_EQ(text_of(answer(path, ask({{"input", {item}}}))), text_of(answer(path, ask())));
  item.erase("type");
  EXPECT_EQ(text_of(answer(path, ask({{"input", {item}}}))), text_of(answer(path, ask())));
}

}  // namespace
}  // namespace deepseek::serve
