// SPDX-License-Identifier: Apache-2.0
// ollama's API.
#include "tests/serve/api/dialect_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::DialectServer;

class Ollama : public DialectServer {
 protected:
  static json ask(const json& more = json::object()) {
    json body = {{"model", "tiny"},
                 {"think", false},
                 {"messages", {{{"role", "user"}, {"content", "he he"}}}},
                 {"options", {{"num_predict", 16}, {"seed", 5}}}};
    body.update(more);
    return body;
  }
  static json prompt(const json& more = json::object()) {
    json body = ask({{"prompt", "he he"}});
    body.erase("messages");
    body.update(more);
    return body;
  }
};

TEST_F(Ollama, LinesOfAStreamAreTheWholeAnswerInPieces) {
  start();
  const json whole = answer("/api/chat", ask({{"stream", false}}));
  EXPECT_EQ(whole["message"]["role"], "assistant");
  EXPECT_TRUE(whole["done"]);
  std::string text;
  const auto pieces = lines("/api/chat", ask());
  for (const json& piece : pieces) {
    EXPECT_EQ(piece["model"], "tiny");
    EXPECT_EQ(piece["done"], &piece == &pieces.back());
    text += piece["message"]["content"].get<std::string>();
  }
  EXPECT_EQ(json(text), whole["message"]["content"]);
  EXPECT_EQ(pieces.back()["done_reason"], whole["done_reason"]);
  for (const json& last : {whole, pieces.back()}) {
    EXPECT_GT(last["total_duration"].get<int64_t>(), 0);
    EXPECT_GE(last["total_duration"].get<int64_t>(),
              last["prompt_eval_duration"].get<int64_t>() + last["eval_duration"].get<int64_t>());
    EXPECT_GT(last["prompt_eval_count"].get<int64_t>(), 0);
    EXPECT_GT(last["eval_count"].get<int64_t>(), 0);
  }
}

TEST_F(Ollama, AnswersAsChatDoes) {
  start();
  const json page = answer("/v1/chat/completions",
                           chat({{"ignore_eos", false}, {"thinking", {{"type", "disabled"}}}}));
  const json& text = page["choices"][0]["message"]["content"];
  EXPECT_EQ(answer("/api/chat", ask({{"stream", false}}))["message"]["content"], text);
  EXPECT_EQ(answer("/api/generate", prompt({{"stream", false}}))["response"], text);
  EXPECT_EQ(
      answer("/api/chat", ask({{"stream", false}, {"model", "tiny:latest"}}))["message"]["content"],
      text);
}

TEST_F(Ollama, GeneratesFromTextAsItIs) {
  start();
  const json page =
      answer("/v1/completions", {{"prompt", "he he"}, {"max_tokens", 16}, {"seed", 5}});
  const json raw = answer("/api/generate", prompt({{"stream", false}, {"raw", true}}));
  EXPECT_EQ(raw["response"], page["choices"][0]["text"]);
  const auto pieces = lines("/api/generate", prompt({{"raw", true}}));
  std::string text;
  for (const json& piece : pieces) text += piece["response"].get<std::string>();
  EXPECT_EQ(json(text), raw["response"]);
}

TEST_F(Ollama, ThinkingStandsBesideTheAnswer) {
  start();
  const json body = ask({{"think", true}, {"stream", false}});
  const json whole = answer("/api/chat", body);
  EXPECT_FALSE(whole["message"]["thinking"].get<std::string>().empty());
  std::string thinking;
  for (const json& piece : lines("/api/chat", ask({{"think", "high"}})))
    thinking += piece["message"].value("thinking", "");
  EXPECT_EQ(json(thinking), whole["message"]["thinking"]);
  EXPECT_FALSE(answer("/api/chat", ask({{"stream", false}}))["message"].contains("thinking"));
}

TEST_F(Ollama, FormatsAndToolsAreFollowed) {
  start();
  const json options = {{"num_predict", 120}, {"seed", 5}};
  const json formed = answer(
      "/api/chat", ask({{"stream", false}, {"format", depth_schema()}, {"options", options}}));
  EXPECT_TRUE(json::parse(formed["message"]["content"].get<std::string>())["depth"].is_number());
  const json any =
      answer("/api/generate",
             prompt({{"stream", false}, {"format", "json"}, {"options", {{"num_predict", 8}}}}));
  EXPECT_TRUE(json::parse(any["response"].get<std::string>()).is_object());
  const json tool = {{"type", "function"},
                     {"function", {{"name", "look"}, {"parameters", depth_schema()}}}};
  json body = ask({{"stream", false}, {"tools", {tool}}});
  EXPECT_EQ(answer("/api/chat", body)["message"]["role"], "assistant");
  body["messages"].push_back(
      {{"role", "assistant"},
       {"content", ""},
       {"tool_calls", {{{"function", {{"name", "look"}, {"arguments", {{"depth", 1}}}}}}}}});
  body["messages"].push_back({{"role", "tool"}, {"content", "deep"}, {"tool_name", "look"}});
  EXPECT_EQ(answer("/api/chat", body)["message"]["role"], "assistant");
}

TEST_F(Ollama, ListsAndDescribesTheModel) {
  start();
  const json tags = json::parse(get("/api/tags", "").body);
  ASSERT_EQ(tags["models"].size(), 1U);
  EXPECT_EQ(tags["models"][0]["name"], "tiny");
  EXPECT_GT(tags["models"][0]["size"].get<int64_t>(), 1000);
  EXPECT_EQ(tags["models"][0]["details"]["family"], "llama");
  EXPECT_EQ(json::parse(get("/api/ps", "").body)["models"][0]["context_length"], 2048);
  EXPECT_TRUE(json::parse(get("/api/version", "").body)["version"].is_string());
  const json shown = answer("/api/show", {{"model", "tiny"}});
  EXPECT_EQ(shown["model_info"]["llama.context_length"], 2048);
  EXPECT_EQ(shown["capabilities"], json({"completion", "tools", "embedding", "thinking"}));
  EXPECT_EQ(answer("/api/chat", {{"model", "tiny"}})["done_reason"], "load");
  EXPECT_EQ(answer("/api/generate", {{"model", "tiny"}, {"keep_alive", "5m"}})["done_reason"],
            "load");
}

TEST_F(Ollama, EmbedsAsEmbeddingsDo) {
  start();
  const json page = answer("/api/embed", {{"model", "tiny"}, {"input", {"he he", "x"}}});
  ASSERT_EQ(page["embeddings"].size(), 2U);
  EXPECT_EQ(page["embeddings"][1],
            answer("/v1/embeddings", {{"input", "x"}})["data"][0]["embedding"]);
}

TEST_F(Ollama, RefusalsAreALineOfText) {
  start();
  const auto reply = post("/api/chat", ask({{"model", "other"}}), "");
  EXPECT_EQ(reply.status, 404);
  EXPECT_TRUE(json::parse(reply.body)["error"].is_string());
  json images = ask();
  images["messages"][0]["images"] = {"AAAA"};
  expect_refused("/api/chat", images, 422, {"messages[0].images"});
  expect_refused("/api/generate", prompt({{"images", {"AAAA"}}}), 422, {"images"});
  expect_refused("/api/generate", prompt({{"template", "{{ .Prompt }}"}}), 422, {"template"});
  expect_refused("/api/generate", prompt({{"suffix", "end"}}), 422, {"fill in the middle"});
  expect_refused("/api/chat", ask({{"options", {{"temperature", 9}}}}), 422, {"temperature"});
  expect_refused("/api/chat", ask({{"format", "xml"}}), 422, {"format"});
  expect_refused("/api/chat", {{"messages", json::array()}}, 400, {"model"});
}

}  // namespace
}  // namespace deepseek::serve
