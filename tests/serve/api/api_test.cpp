// SPDX-License-Identifier: Apache-2.0
// The whole server over a socket, on a tiny model of random weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "core/json.h"
#include "serve/api/model_server.h"
#include "tests/cli/tiny_model.h"
#include "tests/serve/http/test_server.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::RawClient;

class Api : public ::testing::Test {
 protected:
  explicit Api(const std::vector<std::string>& keys = {}) {
    testing::write_small_model(folder.path() / "model", testing::byte_config());
    ModelServerConfig config;
    config.http = testing::local_config();
    config.models = {{"tiny", folder.path() / "model"}};
    config.api_keys = keys;
    config.access_log = folder.path() / "access.log";
    server = std::make_unique<ModelServer>(config);
    server->start();
    server->wait_loaded();
  }

  RawClient::Reply post(const std::string& path, const json& body, const std::string& more = "") {
    RawClient client(server->addresses().front());
    client.post(path, body.dump(), "Content-Type: application/json\r\n" + more);
    return client.reply();
  }
  json answer(const std::string& path, const json& body) {
    const RawClient::Reply reply = post(path, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  }
  json get(const std::string& path) {
    RawClient client(server->addresses().front());
    const RawClient::Reply reply = client.ask(path);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  }
  /// The JSON of each event of a stream; checks that it ends as it must.
  std::vector<json> events(const std::string& path, json body) {
    body["stream"] = true;
    const RawClient::Reply reply = post(path, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    std::vector<json> out;
    std::istringstream lines(reply.body);
    bool done = false;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("data: ")) continue;
      EXPECT_FALSE(done) << "an event after [DONE]";
      done = line == "data: [DONE]";
      if (!done) out.push_back(json::parse(line.substr(6)));
    }
    EXPECT_TRUE(done);
    return out;
  }
  void expect_error(const json& body, int status, const std::string& param,
                    const std::string& message, const std::string& path = "/v1/chat/completions") {
    const RawClient::Reply reply = post(path, body);
    EXPECT_EQ(reply.status, status) << body << reply.body;
    const json error = json::parse(reply.body).at("error");
    EXPECT_EQ(error.at("param"), param.empty() ? json(nullptr) : json(param)) << error;
    EXPECT_NE(error.at("message").get<std::string>().find(message), std::string::npos) << error;
  }

  static json chat(const json& more = json::object()) {
    json body = {
        {"messages", {{{"role", "user"}, {"content", "he he"}}}}, {"max_tokens", 16}, {"seed", 5}};
    body.update(more);
    return body;
  }

  testing::TemporaryFolder folder;
  std::unique_ptr<ModelServer> server;
};

TEST_F(Api, AStreamedChatIsTheWholeOneInPieces) {
  const json whole = answer("/v1/chat/completions", chat());
  const json& usage = whole["usage"];
  EXPECT_EQ(
      usage["prompt_cache_hit_tokens"].get<int>() + usage["prompt_cache_miss_tokens"].get<int>(),
      usage["prompt_tokens"]);
  EXPECT_EQ(usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>(),
            usage["total_tokens"]);
  const auto pieces =
      events("/chat/completions", chat({{"stream_options", {{"include_usage", true}}}}));
  std::string text, reason;
  for (const json& piece : pieces)
    for (const json& choice : piece["choices"]) {
      if (choice["delta"].contains("content"))
        text += choice["delta"]["content"].get<std::string>();
      if (!choice["finish_reason"].is_null()) reason = choice["finish_reason"];
    }
  EXPECT_EQ(json(text), whole["choices"][0]["message"]["content"]);
  EXPECT_EQ(json(reason), whole["choices"][0]["finish_reason"]);
  EXPECT_EQ(pieces.front()["choices"][0]["delta"]["role"], "assistant");
  EXPECT_TRUE(pieces.back()["choices"].empty());
  EXPECT_EQ(pieces.back()["usage"]["completion_tokens"], usage["completion_tokens"]);
}

TEST_F(Api, TheEndOfATextHasAScoreAsWell) {
  const json tokens = answer("/tokenize", {{"prompt", "</s>"}})["tokens"];
  const json ends = {{tokens.back().dump(), 100}};
  json body = {{"prompt", "he he"},
               {"max_tokens", 1},
               {"logprobs", 1},
               {"echo", true},
               {"logit_bias", ends}};
  const json choice = answer("/v1/completions", body)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["text"], "<s>he he");
  const json& scores = choice["logprobs"];
  EXPECT_EQ(scores["tokens"].back(), "</s>");
  EXPECT_EQ(scores["token_logprobs"].size(), scores["tokens"].size());
  EXPECT_TRUE(scores["token_logprobs"].back().is_number());
  const auto pieces = events("/v1/completions", body);
  EXPECT_EQ(pieces.back()["choices"][0]["logprobs"]["tokens"], json::array({"</s>"}));
}

TEST_F(Api, WhatIsFarTooLongIsRefusedUnread) {
  const std::string long_text(4 << 20, 'a');
  const json messages = {{{"role", "user"}, {"content", long_text}}};
  for (const auto& [path, body] : {std::pair("/v1/chat/completions", json{{"messages", messages}}),
                                   std::pair("/v1/completions", json{{"prompt", long_text}}),
                                   std::pair("/v1/embeddings", json{{"input", long_text}})}) {
    const RawClient::Reply reply = post(path, body);
    EXPECT_EQ(reply.status, 400) << path;
    const json error = json::parse(reply.body).at("error");
    EXPECT_EQ(error.at("code"), "context_length_exceeded") << error;
    EXPECT_NE(error.at("message").get<std::string>().find("at least"), std::string::npos) << error;
  }
}

TEST_F(Api, ATemplatesFaultDoesNotSayWhereItLies) {
  const json body = {{"messages", {{{"role", "user"}, {"content", "he"}}}},
                     {"chat_template_kwargs", {{"messages", 5}}}};
  const RawClient::Reply reply = post("/v1/chat/completions", body);
  EXPECT_EQ(reply.body.find(folder.path().string()), std::string::npos) << reply.body;
}

TEST_F(Api, TheSameSeedGivesTheSameBytesBesideOthers) {
  const auto content = [](const json& page) { return page["choices"][0]["message"]["content"]; };
  const json alone = content(answer("/v1/chat/completions", chat()));
  std::vector<std::thread> others;
  others.reserve(12);
  for (int i = 0; i < 12; ++i)
    others.emplace_back([&, i] {
      answer("/v1/chat/completions", chat({{"seed", 100 + i}, {"max_tokens", 60}}));
    });
  for (int i = 0; i < 4; ++i) EXPECT_EQ(content(answer("/v1/chat/completions", chat())), alone);
  for (std::thread& other : others) other.join();
  const json three = answer("/v1/chat/completions", chat({{"n", 3}}));
  EXPECT_EQ(three["choices"].size(), 3u);
  EXPECT_EQ(three["choices"][0]["message"]["content"], alone);
}

TEST_F(Api, BoundOutputIsValidHoweverTheModelRambles) {
  const json schema = {
      {"type", "object"},
      {"properties", {{"he", {{"type", "integer"}}}, {"ok", {{"type", "boolean"}}}}},
      {"required", {"he", "ok"}},
      {"additionalProperties", false}};
  for (int seed = 0; seed < 8; ++seed) {
    const json page = answer(
        "/v1/chat/completions",
        chat({{"seed", seed},
              {"max_tokens", 40},
              {"temperature", 2},
              {"response_format",
               {{"type", "json_schema"}, {"json_schema", {{"name", "x"}, {"schema", schema}}}}}}));
    const json value = json::parse(page["choices"][0]["message"]["content"].get<std::string>());
    EXPECT_TRUE(value["he"].is_number_integer());
    EXPECT_TRUE(value["ok"].is_boolean());
    EXPECT_EQ(value.size(), 2u);
  }
  const json page = answer("/v1/chat/completions", chat({{"guided_choice", {"yes", "no"}}}));
  EXPECT_TRUE(page["choices"][0]["message"]["content"] == "yes" ||
              page["choices"][0]["message"]["content"] == "no");
}

TEST_F(Api, ARequiredCallIsOneOfTheToolsWithArgumentsOfItsSchema) {
  const json tool = {{"type", "function"},
                     {"function",
                      {{"name", "look"},
                       {"parameters",
                        {{"type", "object"},
                         {"properties", {{"depth", {{"type", "integer"}}}}},
                         {"required", {"depth"}},
                         {"additionalProperties", false}}}}}};
  const json body = chat({{"tools", {tool}},
                          {"tool_choice", "required"},
                          {"max_tokens", 120},
                          {"parallel_tool_calls", false}});
  const json page = answer("/v1/chat/completions", body);
  EXPECT_EQ(page["choices"][0]["finish_reason"], "tool_calls");
  const json call = page["choices"][0]["message"]["tool_calls"][0];
  EXPECT_EQ(call["function"]["name"], "look");
  EXPECT_TRUE(
      json::parse(call["function"]["arguments"].get<std::string>())["depth"].is_number_integer());
  std::string arguments, name;
  for (const json& piece : events("/v1/chat/completions", body))
    for (const json& choice : piece["choices"])
      if (choice["delta"].contains("tool_calls")) {
        const json& function = choice["delta"]["tool_calls"][0]["function"];
        name += function.value("name", "");
        arguments += function.value("arguments", "");
      }
  EXPECT_EQ(name, "look");
  EXPECT_EQ(arguments, call["function"]["arguments"].get<std::string>());
}

TEST_F(Api, EchoScoresEveryTokenOfThePrompt) {
  const std::vector<int> prompt{258, 70, 71, 256, 72};
  const json page = answer("/v1/completions", {{"prompt", {prompt}},
                                               {"max_tokens", 1},
                                               {"echo", true},
                                               {"logprobs", 1},
                                               {"temperature", 0}});
  const json scores = page["choices"][0]["logprobs"];
  ASSERT_EQ(scores["token_logprobs"].size(), prompt.size() + 1);
  EXPECT_TRUE(scores["token_logprobs"][0].is_null());
  for (size_t i = 1; i < scores["token_logprobs"].size(); ++i) {
    const double chosen = scores["token_logprobs"][i];
    EXPECT_LE(chosen, 0);
    double best = -1e300;
    for (const auto& [text, value] : scores["top_logprobs"][i].items())
      best = std::max(best, value.get<double>());
    EXPECT_LE(chosen, best);
  }
  // The greedy token's score is the best one, the very same number.
  const json last = scores["top_logprobs"].back();
  EXPECT_EQ(scores["token_logprobs"].back(), last.begin().value());
  const json several = answer("/v1/completions", {{"prompt", {"he", "x", "y"}}, {"max_tokens", 3}});
  EXPECT_EQ(several["choices"].size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(several["choices"][i]["index"], i);
}

TEST_F(Api, EachChoiceBeginsWithTheScoresOfThePrompt) {
  const json body = {{"prompt", "he he"}, {"max_tokens", 4}, {"echo", true},
                     {"logprobs", 2},     {"n", 3},          {"seed", 5},
                     {"stop", "!"}};
  const json choices = answer("/v1/completions", body)["choices"];
  ASSERT_EQ(choices.size(), 3U);
  std::map<size_t, std::pair<std::string, json>> streamed;
  for (const json& piece : events("/v1/completions", body))
    for (const json& choice : piece["choices"]) {
      auto& [text, scores] = streamed[choice["index"]];
      text += choice["text"].get<std::string>();
      if (choice["logprobs"].is_null()) continue;
      for (const auto& [name, list] : choice["logprobs"].items())
        for (const json& value : list) scores[name].push_back(value);
    }
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(streamed[i].first, choices[i]["text"].get<std::string>());
    EXPECT_EQ(streamed[i].second, choices[i]["logprobs"]);
    EXPECT_TRUE(choices[i]["logprobs"]["token_logprobs"][0].is_null());
    EXPECT_EQ(choices[i]["logprobs"]["tokens"][1], choices[0]["logprobs"]["tokens"][1]);
  }
}

TEST_F(Api, MoreEchoedScoresThanAReplyHoldsAreRefused) {
  const json body = {{"prompt", std::vector<int>(800, 70)},
                     {"max_tokens", 0},
                     {"echo", true},
                     {"logprobs", 20},
                     {"n", 128}};
  const auto reply = post("/v1/completions", body);
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(json::parse(reply.body)["error"]["param"], "n") << reply.body;
}

TEST_F(Api, NullIsAsIfItWereNotThere) {
  const json function = {
      {"name", "look"}, {"description", nullptr}, {"strict", nullptr}, {"parameters", nullptr}};
  const json called = {{"name", "look"}, {"arguments", nullptr}};
  const json body = chat(
      {{"model", nullptr},
       {"stream", nullptr},
       {"thinking", {{"type", nullptr}}},
       {"tools", {{{"type", "function"}, {"function", function}}}},
       {"messages",
        {{{"role", "user"}, {"content", {{{"type", "text"}, {"text", nullptr}}}}},
         {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {{{"function", called}}}}},
         {{"role", "tool"}, {"tool_call_id", nullptr}, {"content", "deep"}},
         {{"role", "assistant"}, {"content", "so"}, {"prefix", nullptr}}}}});
  EXPECT_EQ(answer("/v1/chat/completions", body)["model"], "tiny");
  EXPECT_EQ(answer("/tokenize", {{"model", nullptr}, {"messages", body["messages"]}})["tokens"],
            answer("/apply-template", {{"messages", body["messages"]}})["tokens"]);
  EXPECT_EQ(
      answer("/v1/completions", {{"model", nullptr}, {"prompt", "he"}, {"max_tokens", 1}})["model"],
      "tiny");
}

TEST_F(Api, TheBestOfSeveralAreAnswered) {
  json body = {{"prompt", "he"}, {"max_tokens", 8}, {"seed", 3}, {"logprobs", 0}, {"n", 4}};
  const json all = answer("/v1/completions", body);
  std::vector<double> means;
  for (const json& choice : all["choices"]) {
    double sum = 0;
    for (const json& score : choice["logprobs"]["token_logprobs"]) sum += score.get<double>();
    means.push_back(sum / double(choice["logprobs"]["token_logprobs"].size()));
  }
  const auto best = size_t(std::ranges::max_element(means) - means.begin());
  body.erase("logprobs");
  body.update({{"n", 1}, {"best_of", 4}});
  const json one = answer("/v1/completions", body);
  ASSERT_EQ(one["choices"].size(), 1U);
  EXPECT_EQ(one["choices"][0]["index"], 0);
  EXPECT_EQ(one["choices"][0]["text"], all["choices"][best]["text"]);
  EXPECT_TRUE(one["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(one["usage"]["completion_tokens"], all["usage"]["completion_tokens"]);
  body["stream"] = true;
  expect_error(body, 422, "best_of", "stream", "/v1/completions");
  body["stream"] = false;
  body["n"] = 5;
  expect_error(body, 422, "best_of", "at least n", "/v1/completions");
}

TEST_F(Api, TokensTemplatesAndModels) {
  const json ids = answer("/tokenize", {{"prompt", "he x"}, {"add_special_tokens", false}});
  EXPECT_EQ(answer("/detokenize", {{"tokens", ids["tokens"]}})["prompt"], "he x");
  const json rendered = answer("/apply-template", chat());
  EXPECT_EQ(answer("/tokenize", chat())["tokens"], rendered["tokens"]);
  EXPECT_EQ(get("/v1/models")["data"][0]["id"], "tiny");
  EXPECT_EQ(get("/v1/models/tiny")["max_model_len"], 2048);
  EXPECT_EQ(get("/tokenizer_info")["vocab_size"], 261);
}

TEST_F(Api, FaultsAreNamed) {
  expect_error({{"messages", "hello"}}, 400, "messages", "expected an array");
  expect_error(json::object(), 400, "messages", "");
  expect_error(chat({{"temperature", 3}}), 422, "temperature", "at most 2");
  expect_error(chat({{"temperature", "hot"}}), 400, "temperature", "got a string");
  expect_error(chat({{"n", 129}}), 422, "n", "128");
  expect_error(chat({{"logit_bias", {{"4711", 1}}}}), 422, "logit_bias", "4711");
  expect_error(chat({{"model", "gpt-9"}}), 404, "model", "gpt-9");
  expect_error(chat({{"max_tokens", 4000}}), 400, "messages", "2048 tokens");
  expect_error(chat({{"response_format", {{"type", "poem"}}}}), 422, "response_format.type",
               "poem");
  expect_error(
      chat({{"response_format",
             {{"type", "json_schema"}, {"json_schema", {{"schema", {{"type", "strnig"}}}}}}}}),
      422, "response_format.json_schema.schema", "strnig");
  expect_error(chat({{"tools", {{{"type", "function"}, {"function", {{"name", "a b"}}}}}}}), 422,
               "tools[0].function.name", "a b");
  expect_error({{"prompt", {1, 2, 4711}}}, 422, "prompt", "4711", "/v1/completions");
  expect_error({{"prompt", "x"}, {"suffix", "y"}}, 422, "suffix", "middle", "/v1/completions");
}

TEST_F(Api, AClientThatLeavesEndsItsRequest) {
  {
    RawClient client(server->addresses().front());
    client.post("/v1/chat/completions",
                chat({{"stream", true}, {"ignore_eos", true}, {"max_tokens", 1500}}).dump(),
                "Content-Type: application/json\r\n");
    client.reply_head();
    client.read_until("data: ");
  }
  while (get("/props")["running"] != 0) std::this_thread::yield();
}

TEST_F(Api, IntegersBeyond64BitsAreRefused) {
  for (const char* seed : {"9223372036854775808", "-9223372036854775809", "1e30"}) {
    const std::string body = R"({"messages":[{"role":"user","content":"he"}],"seed":)";
    expect_error(json::parse(body + seed + "}"), 422, "seed", "64 bits");
  }
  expect_error({{"tokens", {uint64_t{1} << 63}}}, 422, "tokens[0]", "64 bits", "/detokenize");
  expect_error({{"prompt", {int64_t{1} << 40}}}, 422, "prompt[0]", "at most", "/v1/completions");
}

TEST_F(Api, WholeNumbersAreTokenIdsHoweverTheyAreWritten) {
  const json ids = answer("/tokenize", {{"prompt", "he"}})["tokens"];
  json written = json::array();
  for (const json& id : ids) written.push_back(id.get<double>());
  const auto vector_of = [&](const json& input) {
    return answer("/v1/embeddings", {{"input", input}})["data"][0]["embedding"];
  };
  EXPECT_EQ(vector_of(written), vector_of(ids));
}

TEST_F(Api, WhatTheEngineRefusesNamesItsField) {
  expect_error(chat({{"min_tokens", 32}}), 422, "min_tokens", "expected 0 to 16");
  expect_error({{"prompt", "he"}, {"min_tokens", 32}}, 422, "min_tokens", "expected 0 to 16",
               "/v1/completions");
}

class ApiWithKey : public Api {
 protected:
  ApiWithKey() : Api({"sk-right"}) {}
};

TEST_F(ApiWithKey, EveryRouteThatIsNotAProbeNeedsTheKey) {
  const json document = get("/openapi.json");
  const std::set<std::string> open{"/",        "/assets/{name}", "/health",      "/ready",
                                   "/startup", "/version",       "/openapi.json"};
  int guarded = 0;
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, ignored] : methods.items()) {
      RawClient client(server->addresses().front());
      if (method == "post")
        client.post(path, "{}",
                    "Content-Type: application/json\r\nAuthorization: Bearer sk-wrong\r\n");
      else
        client.get(path, "Authorization: Bearer sk-wrong\r\n");
      const int status = client.reply().status;
      if (open.contains(path)) {
        EXPECT_NE(status, 401) << path;
      } else {
        EXPECT_EQ(status, 401) << path;
        ++guarded;
      }
    }
  EXPECT_GE(guarded, 10);
  for (const char* header : {"Authorization: Bearer sk-right\r\n", "x-api-key: sk-right\r\n"})
    EXPECT_EQ(post("/v1/chat/completions", chat(), header).status, 200);
}

}  // namespace
}  // namespace deepseek::serve
