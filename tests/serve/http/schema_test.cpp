// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/error.h"
#include "serve/http/request_error.h"
#include "serve/http/schema_openapi.h"
#include "serve/http/schema_validate.h"

namespace deepseek::serve {
namespace {

using Json = nlohmann::json;

SchemaSet chat_schemas() {
  SchemaSet schemas;
  schemas.add("Chat", Json::parse(R"({
    "type": "object", "required": ["messages"],
    "properties": {
      "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
      "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
      "n": {"type": "integer", "minimum": 1, "maximum": 128},
      "seed": {"type": ["integer", "null"]},
      "min_p": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
      "user_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,8}$"},
      "stop": {"anyOf": [{"type": "string"}, {"type": "null"},
                         {"type": "array", "maxItems": 2, "items": {"type": "string"}}]},
      "logit_bias": {"type": "object", "additionalProperties": {"type": "number"}},
      "strict": {"type": "object", "additionalProperties": false,
                 "properties": {"a": {"const": 1}}}
    }})"));
  schemas.add("Message", Json::parse(R"({
    "type": "object", "required": ["role"],
    "properties": {"role": {"enum": ["user", "system"]},
                   "content": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "array",
                     "items": {"type": "object", "properties": {"type": {"const": "text"}}}}]}}})"));
  schemas.check();
  return schemas;
}

struct Case {
  const char* body;
  const char* param;  // null: fits
  bool wrong_type;
};

TEST(Schema, NamesTheFirstOffence) {
  const SchemaSet schemas = chat_schemas();
  const Case cases[] = {
      {R"({"messages":[{"role":"user","content":"hi"}]})", nullptr, false},
      {R"({"messages":[{"role":"user"}],"unknown":{"x":1},"temperature":null})", nullptr, false},
      {R"({})", "messages", true},
      {R"({"messages":"x"})", "messages", true},
      {R"({"messages":[]})", "messages", false},
      {R"({"messages":[{"role":"user"},{"content":"x"}]})", "messages[1].role", true},
      {R"({"messages":[{"role":"robot"}]})", "messages[0].role", false},
      {R"({"messages":[{"role":"user","content":"longer"}]})", "messages[0].content", false},
      {R"({"messages":[{"role":"user","content":"猫猫猫猫猫"}]})", nullptr, false},
      {R"({"messages":[{"role":"user","content":[{"type":"x"}]}]})", "messages[0].content[0].type",
       false},
      {R"({"messages":[{"role":"user","content":5}]})", "messages[0].content", true},
      {R"({"messages":[{"role":"user"}],"temperature":"hot"})", "temperature", true},
      {R"({"messages":[{"role":"user"}],"temperature":2.1})", "temperature", false},
      {R"({"messages":[{"role":"user"}],"n":1.5})", "n", true},
      {R"({"messages":[{"role":"user"}],"n":2.0})", nullptr, false},
      {R"({"messages":[{"role":"user"}],"n":-9223372036854775808})", "n", false},
      {R"({"messages":[{"role":"user"}],"n":18446744073709551615})", "n", false},
      {R"({"messages":[{"role":"user"}],"seed":9223372036854775807})", nullptr, false},
      {R"({"messages":[{"role":"user"}],"seed":-9223372036854775808})", nullptr, false},
      {R"({"messages":[{"role":"user"}],"seed":9223372036854775808})", "seed", false},
      {R"({"messages":[{"role":"user"}],"seed":-9223372036854775809})", "seed", false},
      {R"({"messages":[{"role":"user"}],"seed":1e30})", "seed", false},
      {R"({"messages":[{"role":"user"}],"n":true})", "n", true},
      {R"({"messages":[{"role":"user"}],"min_p":0})", "min_p", false},
      {R"({"messages":[{"role":"user"}],"min_p":1})", "min_p", false},
      {R"({"messages":[{"role":"user"}],"user_id":"a b"})", "user_id", false},
      {R"({"messages":[{"role":"user"}],"user_id":"abcdefghi"})", "user_id", false},
      {R"({"messages":[{"role":"user"}],"stop":["a","b","c"]})", "stop", false},
      {R"({"messages":[{"role":"user"}],"stop":["a",1]})", "stop[1]", true},
      {R"({"messages":[{"role":"user"}],"stop":7})", "stop", true},
      {R"({"messages":[{"role":"user"}],"logit_bias":{"5":"x"}})", "logit_bias.5", true},
      {R"({"messages":[{"role":"user"}],"strict":{"b":1}})", "strict.b", true},
      {R"({"messages":[{"role":"user"}],"strict":{"a":2}})", "strict.a", false},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.body);
    const auto offence = first_offence(Json::parse(test.body), "Chat", schemas);
    ASSERT_EQ(offence.has_value(), test.param != nullptr) << (offence ? offence->message : "");
    if (!offence) continue;
    EXPECT_EQ(offence->param, test.param);
    EXPECT_EQ(offence->wrong_type, test.wrong_type) << offence->message;
  }
}

TEST(Schema, OfSeveralFormsTheOneWhoseTypesFitIsTold) {
  SchemaSet schemas;
  schemas.add("Prompt", Json::parse(R"({"properties": {"prompt": {"anyOf": [
    {"type": "string"},
    {"type": "array", "items": {"type": "integer", "minimum": 0}},
    {"type": "array", "maxItems": 2, "items": {"anyOf": [
      {"type": "string"}, {"type": "array", "items": {"type": "integer", "minimum": 0}}]}}]}}})"));
  for (const auto& [prompt, message] :
       {std::pair(R"(["a","b","c"])", "prompt: expected at most 2 items, got 3"),
        std::pair("[5,6,-7]", "prompt[2]: expected at least 0, got -7"),
        std::pair(R"([[1],[-2]])", "prompt[1][0]: expected at least 0, got -2")}) {
    const auto offence = first_offence(Json{{"prompt", Json::parse(prompt)}}, "Prompt", schemas);
    ASSERT_TRUE(offence) << prompt;
    EXPECT_EQ(offence->param + ": " + offence->message, message);
    EXPECT_FALSE(offence->wrong_type) << prompt;
  }
}

int status_of_body(const std::string& body, const std::string& type = "application/json") {
  HttpRequest request;
  request.body = body;
  if (!type.empty()) request.headers.set("Content-Type", type);
  try {
    checked_body(request, "Chat", chat_schemas());
    return 200;
  } catch (const RequestError& error) {
    return error.status();
  }
}

TEST(Schema, BodiesHaveTheirStatus) {
  const std::string good = R"({"messages":[{"role":"user"}]})";
  EXPECT_EQ(status_of_body(good), 200);
  EXPECT_EQ(status_of_body(good, "application/json; charset=utf-8"), 200);
  EXPECT_EQ(status_of_body(good, ""), 200);
  EXPECT_EQ(status_of_body(good, "text/plain"), 415);
  for (const std::string& bad :
       {std::string(), std::string("{"), std::string("[]"), std::string("{\"a\":\"\xff\"}"),
        std::string("{\"a\":1e999}"), "{\"a\":" + std::string(100'000, '[')})
    EXPECT_EQ(status_of_body(bad), 400) << bad.substr(0, 20);
  EXPECT_EQ(status_of_body(R"({"messages":"x"})"), 400);
  EXPECT_EQ(status_of_body(R"({"messages":[]})"), 422);
  HttpRequest request;
  request.body = "{\n \"a\": tru}";
  try {
    parse_json_body(request);
    FAIL();
  } catch (const RequestError& error) {
    EXPECT_STREQ(error.what(), "the body is not valid JSON at line 2, column 10");
  }
}

TEST(Schema, RefusesSchemasOutsideItsSubset) {
  SchemaSet schemas;
  EXPECT_THROW(schemas.add("A", {{"minimun", 1}}), Error);
  EXPECT_THROW(schemas.add("A", {{"type", "int"}}), Error);
  EXPECT_THROW(schemas.add("A", {{"pattern", "(a+)+$"}}), Error);
  EXPECT_THROW(schemas.add("A", {{"properties", {{"x", {{"oops", 1}}}}}}), Error);
  schemas.add("A", {{"$ref", "#/components/schemas/B"}});
  EXPECT_THROW(schemas.check(), Error);
  EXPECT_THROW(schemas.add("A", {{"type", "string"}}), Error);
}

RouteNotes same_note(const RouteNote& note) {
  return [note](const Route& /*route*/) { return &note; };
}

TEST(Schema, OpenApiIsTheTableOfRoutes) {
  Router router;
  router.add({"POST",
              "/v1/chat/completions",
              Access::scope("inference"),
              answering([](const HttpRequest&) { return HttpReply{}; }),
              {.summary = "Chat.", .request_schema = "Chat"}});
  router.add({"GET", "/v1/models/{model*}", Access::open(),
              answering([](const HttpRequest&) { return HttpReply{}; })});
  const RouteNote note{.replies = {{"Message"}},
                       .parameters = {{"limit", "So many.", {{"type", "integer"}}}},
                       .form = "Chat"};
  const Json document =
      openapi_document(router, chat_schemas(), same_note(note), {"t", "1", "d", "/p"});
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["servers"], Json::parse(R"([{"url":"/p"}])"));
  const Json& chat = document["paths"]["/v1/chat/completions"]["post"];
  EXPECT_EQ(chat["operationId"], "post_v1_chat_completions");
  EXPECT_EQ(chat["security"],
            Json::parse(R"([{"bearer":["inference"]},{"api_key":["inference"]}])"));
  const Json chat_ref{{"$ref", "#/components/schemas/Chat"}};
  EXPECT_EQ(chat["requestBody"]["content"],
            (Json{{"application/json", {{"schema", chat_ref}}},
                  {"multipart/form-data", {{"schema", chat_ref}}}}));
  const Json& model = document["paths"]["/v1/models/{model}"]["get"];
  EXPECT_EQ(model["security"], Json::array());
  EXPECT_EQ(model["parameters"][0]["name"], "model");
  EXPECT_EQ(model["parameters"][1]["in"], "query");
  EXPECT_EQ(model["parameters"][1]["name"], "limit");
  EXPECT_EQ(document["components"]["schemas"]["Chat"]["type"], "object");
  EXPECT_EQ(document["components"]["schemas"]["Error"]["required"], Json::array({"error"}));
}

TEST(Schema, OpenApiTellsEachReplyInItsMediaType) {
  Router router;
  router.add({"GET", "/a", Access::scope("inference"),
              answering([](const HttpRequest&) { return HttpReply{}; })});
  router.add({"GET",
              "/b",
              Access::open(),
              answering([](const HttpRequest&) { return HttpReply{}; }),
              {.dialect = ErrorDialect::ollama}});
  const RouteNote note{
      .replies = {{"Message"},
                  {.schema = "Message", .media = "text/event-stream", .ends_with_done = true},
                  {.schema = "Message", .media = "application/x-ndjson"},
                  {.media = "text/plain", .status = 201},
                  {.media = "", .status = 304}},
      .failures = {404}};
  const Json document = openapi_document(router, chat_schemas(), same_note(note), {});
  const Json& replies = document["paths"]["/a"]["get"]["responses"];
  const Json message{{"$ref", "#/components/schemas/Message"}};
  const Json& content = replies["200"]["content"];
  EXPECT_EQ(content["application/json"]["schema"], message);
  EXPECT_EQ(content["application/x-ndjson"]["schema"]["items"], message);
  const Json& data = content["text/event-stream"]["schema"]["properties"]["data"]["anyOf"];
  EXPECT_EQ(data[0], (Json{{"const", "[DONE]"}}));
  EXPECT_EQ(data[1]["contentSchema"]["anyOf"][0], message);
  EXPECT_EQ(replies["201"]["content"]["text/plain"]["schema"]["type"], "string");
  EXPECT_FALSE(replies["304"].contains("content"));
  EXPECT_EQ(replies["404"]["$ref"], "#/components/responses/openai_404");
  EXPECT_TRUE(replies.contains("401") && !replies.contains("422"));
  const Json& busy = document["components"]["responses"]["openai_503"];
  EXPECT_TRUE(busy["headers"].contains("Retry-After"));

  const Json& others = document["paths"]["/b"]["get"]["responses"];
  EXPECT_EQ(others["404"]["$ref"], "#/components/responses/ollama_404");
  EXPECT_EQ(document["components"]["responses"]["ollama_404"]["content"]["application/json"]
                    ["schema"]["$ref"],
            "#/components/schemas/OllamaError");
  EXPECT_FALSE(others.contains("401"));
}

TEST(Schema, OpenApiNeedsANoteAndSchemasOfEachRoute) {
  Router router;
  router.add({"POST",
              "/x",
              Access::open(),
              answering([](const HttpRequest&) { return HttpReply{}; }),
              {.request_schema = "Chat"}});
  const SchemaSet schemas = chat_schemas();
  const RouteNotes none = [](const Route& /*route*/) -> const RouteNote* { return nullptr; };
  EXPECT_THROW(openapi_document(router, schemas, none, {}), Error);
  EXPECT_NO_THROW(openapi_document(router, schemas, same_note({.replies = {{"Message"}}}), {}));
  EXPECT_THROW(openapi_document(router, schemas, same_note({.replies = {{"Missing"}}}), {}), Error);
  EXPECT_THROW(openapi_document(router, schemas, same_note({.replies = {}, .form = "Missing"}), {}),
               Error);
  router.add({"POST",
              "/y",
              Access::open(),
              answering([](const HttpRequest&) { return HttpReply{}; }),
              {.request_schema = "Missing"}});
  EXPECT_THROW(openapi_document(router, schemas, same_note({.replies = {}}), {}), Error);
}

}  // namespace
}  // namespace deepseek::serve
