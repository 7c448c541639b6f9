// SPDX-License-Identifier: Apache-2.0
// What /openapi.json promises, and whether answers are so.
#include <sstream>

#include "core/text.h"
#include "serve/api/reply_schemas.h"
#include "tests/serve/api/dialect_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::DialectServer;

class OpenApi : public DialectServer {
 protected:
  OpenApi() {
    start();
    add_reply_schemas(schemas);
  }
  void expect_fits(const json& reply, const char* schema) {
    const auto offence = first_offence(reply, schema, schemas);
    EXPECT_FALSE(offence) << schema << ": " << offence->param << " " << offence->message << reply;
  }
  json got(const std::string& path) { return json::parse(get(path, "").body); }

  SchemaSet schemas;
};

TEST_F(OpenApi, TellsEveryRoute) {
  size_t operations = 0;
  const json document = got("/openapi.json");
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      ++operations;
      EXPECT_TRUE(operation.contains("summary")) << method << path;
      const json& replies = operation["responses"];
      EXPECT_TRUE(replies.contains("200") || replies.contains("201")) << method << path;
      EXPECT_TRUE(replies.contains("400") && replies.contains("503")) << method << path;
      EXPECT_FALSE(replies.contains("default")) << method << path;
    }
  EXPECT_GE(operations, 70U);
}

TEST_F(OpenApi, TellsTheTimeLimitsOfWhatAModelComputes) {
  const json paths = got("/openapi.json")["paths"];
  for (const char* path : {"/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/api/chat"}) {
    const json& operation = paths[path]["post"];
    EXPECT_TRUE(operation["responses"].contains("504")) << path;
    std::string headers;
    for (const json& one : operation["parameters"]) {
      if (one["in"] != "header") continue;
      const std::string name = one["name"];
      headers += name + " ";
      const std::string beyond[] = {"0", concat(one["schema"]["maximum"].get<double>() + 1)};
      for (const std::string& value : beyond) {
        const auto reply = post(path, chat({{"model", "tiny"}, {"prompt", "he"}, {"input", "he"}}),
                                "", concat(name, ": ", value, "\r\n"));
        EXPECT_EQ(reply.status, 422) << path << name << reply.body;
        EXPECT_NE(reply.body.find(name), std::string::npos) << reply.body;
      }
    }
    EXPECT_EQ(headers, "x-queue-timeout x-first-token-timeout x-total-timeout ") << path;
  }
  EXPECT_FALSE(paths["/tokenize"]["post"]["responses"].contains("504"));
}

TEST_F(OpenApi, EventsOfProgressFitTheirSchemas) {
  const json progress = {{"return_progress", true}, {"stream", true}, {"max_tokens", 3}};
  json completion = progress;
  completion["prompt"] = {"he", "x"};
  size_t told = 0;
  const auto expect_events_fit = [&](const char* path, const json& body, const char* schema) {
    std::istringstream text(post(path, body, "").body);
    for (std::string line; std::getline(text, line);) {
      if (!line.starts_with("data: {")) continue;
      const json event = json::parse(line.substr(6));
      for (const auto& [name, value] : event.items()) {
        EXPECT_TRUE(schemas.find(schema)->at("properties").contains(name)) << schema << name;
        told += name == "prompt_progress" || name == "queue_position" || name == "prompt_index";
      }
      expect_fits(event, schema);
    }
  };
  expect_events_fit("/v1/chat/completions", chat(progress), "ChatChunk");
  EXPECT_GE(told, 1U);
  told = 0;
  expect_events_fit("/v1/completions", completion, "CompletionChunk");
  EXPECT_GE(told, 4U) << "of each prompt its progress and its index";
}

TEST_F(OpenApi, PlainRepliesFitTheirSchemas) {
  const std::pair<const char*, const char*> pages[] = {
      {"/health", "ProbeReply"},         {"/ready", "ProbeReply"},
      {"/startup", "StartupReply"},      {"/version", "VersionReply"},
      {"/v1/models", "ModelsReply"},     {"/v1/models/tiny", "ModelReply"},
      {"/props", "PropsReply"},          {"/user/balance", "BalanceReply"},
      {"/api/tags", "OllamaTagsReply"},  {"/api/ps", "OllamaRunningReply"},
      {"/v1/files", "FilesReply"},       {"/v1/batches", "BatchesReply"},
      {"/web/session", "SessionReply"},  {"/web/chats", "PageChatsReply"},
      {"/web/operator", "OperatorReply"}};
  for (const auto& [path, schema] : pages) expect_fits(got(path), schema);
  expect_fits(answer("/tokenize", {{"prompt", "he"}}), "TokenizeReply");
  expect_fits(answer("/v1/embeddings", {{"input", "he"}}), "EmbeddingReply");
  EXPECT_TRUE(first_offence({{"object", "list"}}, "ModelsReply", schemas));
}

TEST_F(OpenApi, AnswersFitTheirSchemasInEachDialect) {
  expect_fits(answer("/v1/chat/completions",
                     chat({{"logprobs", true}, {"top_logprobs", 2}, {"timings", true}, {"n", 2}})),
              "ChatReply");
  expect_fits(answer("/v1/completions",
                     {{"prompt", "he"}, {"max_tokens", 3}, {"echo", true}, {"logprobs", 2}}),
              "CompletionReply");
  json body = chat({{"model", "tiny"}, {"thinking", {{"type", "enabled"}, {"budget_tokens", 2}}}});
  expect_fits(answer("/v1/messages", body), "MessagesReply");
  for (const json& event : events("/v1/messages", body)) expect_fits(event, "MessagesEvent");
  body = {{"input", "he"}, {"max_output_tokens", 8}};
  expect_fits(answer("/v1/responses", body), "ResponsesReply");
  for (const json& event : events("/v1/responses", body)) expect_fits(event, "ResponsesEvent");
  body = {{"model", "tiny"}, {"prompt", "he"}, {"options", {{"num_predict", 4}}}};
  for (const json& line : lines("/api/generate", body)) expect_fits(line, "OllamaGenerateReply");
}

}  // namespace
}  // namespace deepseek::serve
