// SPDX-License-Identifier: Apache-2.0
// How answers end: by themselves, at a limit, by a failure; with tools, bound, or both.
#include <gtest/gtest.h>

#include <future>

#include "serve/api/reply_pump.h"
#include "tests/engine/scheduler_support.h"
#include "tests/serve/api/dialect_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::RawClient;

constexpr const char* chat_path = "/v1/chat/completions";

class Ends : public testing::DialectServer {
 protected:
  static json tool() {
    return {{"type", "function"}, {"function", {{"name", "look"}, {"parameters", depth_schema()}}}};
  }
  static json bound() {
    return {{"type", "json_schema"},
            {"json_schema", {{"name", "depth"}, {"schema", depth_schema()}}}};
  }
  json choice_of(const json& body) { return answer(chat_path, body)["choices"][0]; }
};

TEST_F(Ends, AnAnswerBesideToolsIsAsLongAsWithout) {
  start();
  const json limits = {{"max_tokens", 5}, {"temperature", 0}, {"ignore_eos", true}};
  json body = chat(limits);
  const json without = answer(chat_path, body);
  EXPECT_EQ(without["choices"][0]["finish_reason"], "length");
  body["tools"] = json::array({tool()});
  const json with = answer(chat_path, body);
  EXPECT_EQ(with["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(with["usage"]["completion_tokens"], 5);
  body.update({{"max_tokens", 1}});
  EXPECT_EQ(answer(chat_path, body)["usage"]["completion_tokens"], 1);

  json message = chat({{"max_tokens", 3}, {"temperature", 0}, {"stop_sequences", json::array()}});
  message["tools"] = json::array({{{"name", "look"}, {"input_schema", depth_schema()}}});
  EXPECT_EQ(answer("/v1/messages", message)["stop_reason"], "max_tokens");
  const json response = answer(
      "/v1/responses",
      {{"model", "tiny"},
       {"input", "he he"},
       {"max_output_tokens", 3},
       {"temperature", 0},
       {"tools", {{{"type", "function"}, {"name", "look"}, {"parameters", depth_schema()}}}}});
  EXPECT_EQ(response["status"], "incomplete");
}

TEST_F(Ends, NothingOfAMarkerIsShownWhereALimitCutsIt) {
  start();
  bool cut = false, called = false;
  for (int limit = 1; limit <= 100; limit += 9) {
    const json choice = choice_of(chat({{"max_tokens", limit},
                                        {"seed", limit},
                                        {"tools", {tool()}},
                                        {"tool_choice", "required"},
                                        {"parallel_tool_calls", false}}));
    const json& message = choice["message"];
    EXPECT_TRUE(message["content"].is_null() || message["content"] == "") << choice;
    const bool whole = choice["finish_reason"] == "tool_calls";
    EXPECT_TRUE(whole || choice["finish_reason"] == "length") << choice;
    if (whole) {
      const std::string arguments = message["tool_calls"][0]["function"]["arguments"];
      EXPECT_TRUE(json::parse(arguments)["depth"].is_number_integer());
    }
    (whole ? called : cut) = true;
  }
  EXPECT_TRUE(cut && called);
}

TEST_F(Ends, AReplyIsBoundOrACallNeverBoth) {
  start();
  const json marker = answer("/tokenize", {{"prompt", "<"}, {"add_special_tokens", false}});
  const std::string begins_call = marker["tokens"][0].dump();
  for (int seed = 0; seed < 6; ++seed) {
    const bool call = seed % 2 == 1;
    const json choice = choice_of(chat({{"max_tokens", 200},
                                        {"seed", seed},
                                        {"temperature", 2},
                                        {"thinking", {{"type", "disabled"}}},
                                        {"logit_bias", {{begins_call, call ? 100 : -100}}},
                                        {"tools", {tool()}},
                                        {"response_format", bound()}}));
    const json& message = choice["message"];
    EXPECT_EQ(message.contains("tool_calls"), call) << choice;
    EXPECT_EQ(choice["finish_reason"], call ? "tool_calls" : "stop") << choice;
    EXPECT_EQ(message["content"].is_null(), call) << choice;
    const json value =
        json::parse(call ? message["tool_calls"][0]["function"]["arguments"].get<std::string>()
                         : message["content"].get<std::string>());
    EXPECT_TRUE(value["depth"].is_number_integer());
  }
}

TEST_F(Ends, WhatDemandsTheImpossibleIsRefused) {
  start();
  expect_refused(chat_path, chat({{"tool_choice", "required"}}), 422, {"tool_choice", "got none"});
  expect_refused(chat_path,
                 chat({{"messages", {{{"role", "user"}, {"content", "he"}, {"prefix", true}}}}}),
                 422, {"messages[0].prefix", "user"});
  expect_refused(chat_path, chat({{"continue_final_message", true}}), 422,
                 {"continue_final_message"});
  json beside = chat({{"tools", json::array({tool()})}, {"response_format", bound()}});
  beside["response_format"]["json_schema"]["schema"] = {{"type", "strnig"}};
  expect_refused(chat_path, beside, 422, {"\"response_format.json_schema.schema\"", "strnig"});
  for (const json& wrong : std::vector<json>{{{"store", "a"}},
                                             {{"metadata", json::array()}},
                                             {{"metadata", {{"a", 1}}}},
                                             {{"prompt_cache_key", 7}},
                                             {{"safety_identifier", json::object()}},
                                             {{"verbosity", 4}}})
    expect_refused(chat_path, chat(wrong), 400, {wrong.begin().key()});
}

TEST_F(Ends, AGrammarThatCostsTooMuchIsRefusedBeforehand) {
  start();
  std::string grammar = "root ::= s\ns ::= x0", rules;
  for (int i = 0; i < 400; ++i) {
    if (i > 0) grammar += concat(" | x", i);
    rules += concat("\nx", i, " ::= [a-zA-Z ,.] s [a-z ] | [a-z ]");
  }
  const json body = chat({{"guided_grammar", grammar + rules}});
  expect_refused(chat_path, body, 422, {"guided_grammar", "budget: mask steps"});
  json completion = body;
  completion["prompt"] = "he";
  expect_refused("/v1/completions", completion, 422, {"guided_grammar", "budget: mask steps"});
}

TEST_F(Ends, StreamsTellUsageAndTimesAsTheyAreAskedTo) {
  start();
  json body = chat({{"max_tokens", 4}, {"stream", true}, {"timings", true}});
  EXPECT_NE(post(chat_path, body, "").body.find("\"timings\":{"), std::string::npos);
  EXPECT_NE(post("/v1/completions",
                 {{"prompt", "he"}, {"max_tokens", 4}, {"stream", true}, {"timings", true}}, "")
                .body.find("\"timings\":{"),
            std::string::npos);
  body.erase("timings");
  body["stream_options"] = {{"include_usage", true}, {"continuous_usage_stats", true}};
  const std::string text = post(chat_path, body, "").body;
  EXPECT_NE(text.find("\"usage\":{\"prompt_tokens\":"), std::string::npos) << text;
  EXPECT_NE(text.find(",\"completion_tokens\":1,\"total_tokens\":"), std::string::npos) << text;
}

TEST_F(Ends, BatchWorkThatIsLateEndsAlone) {
  start();
  const RawClient::Reply late =
      post(chat_path, chat({{"service_tier", "batch"}, {"max_tokens", 1500}, {"ignore_eos", true}}),
           "", "x-queue-timeout: 3600\r\nx-total-timeout: 0.05\r\n");
  EXPECT_TRUE(late.status == 504 || late.status == 503) << late.body;
  answer(chat_path, chat({{"max_tokens", 2}}));
}

/// Throws at its first event.
struct Faulty : ReplySession {
  void event(const TicketEvent& /*event*/) override { throw std::runtime_error("faulty"); }
  void failed(const std::exception_ptr& failure) override { told.set_value(failure); }
  std::promise<std::exception_ptr> told;
};

TEST(ReplyPump, ASessionThatFailsEndsAlone) {
  testing::Bench bench(testing::tiny_model("llama"));
  ReplyPump pump;
  const auto session = std::make_shared<Faulty>();
  auto told = session->told.get_future();
  GenerateRequest request;
  request.prompt = testing::random_tokens(5, 1);
  request.max_tokens = 50;
  pump.run(session, bench.submit(request));
  bench.scheduler->step();
  EXPECT_THROW(std::rethrow_exception(told.get()), std::runtime_error);
  for (int i = 0; i < 60 && !bench.scheduler->idle(); ++i) bench.scheduler->step();
  EXPECT_TRUE(bench.scheduler->idle()) << "its ticket is cancelled";
  EXPECT_EQ(bench.run(request).tokens().size(), bench.run(request).tokens().size());
}

}  // namespace
}  // namespace deepseek::serve
