// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api.h"
#include "serve/api/chat_prompt.h"
#include "serve/api/messages_reply.h"
#include "serve/api/messages_request.h"
#include "serve/api/request_fields.h"
#include "serve/api/schema_terms.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void answer_messages(const std::shared_ptr<ApiContext>& context, Exchange exchange) {
  const std::shared_ptr<Answer> answer =
      Answer::begin(std::move(exchange), context, ErrorDialect::anthropic);
  if (!answer) return;
  const HttpRequest& http = answer->request();
  const json body = checked_body(http, "MessagesRequest", context->schemas);
  const std::string model = field<std::string>(body, "model").value_or("");
  const std::shared_ptr<ModelHost> host = context->host(http, model);
  MessagesRequest request = messages_request(*context, *host, http, body);
  const MessagesReplyOptions options{
      .model = model,
      .stream = field<bool>(body, "stream").value_or(false),
      .shows_thinking = request.shows_thinking,
      .stop_sequences = request.job.request.stop.texts(),
  };
  ChatAnswer started = start_chat(*context, http, *host, std::move(request.job));
  run_session(messages_reply(answer, host, options, started, context), started);
}

HttpReply count_tokens(const ApiContext& context, const HttpRequest& http) {
  const json body = checked_body(http, "CountTokensRequest", context.schemas);
  const std::shared_ptr<ModelHost> host =
      context.host(http, field<std::string>(body, "model").value_or(""));
  const std::shared_ptr<Bill> bill = context.accounts->admit_free(http);
  ChatJob job = messages_conversation(context, http).job;
  if (job.tool_choice.kind == ToolChoice::Kind::none) job.input.tools = ordered_json::array();
  const ChatPrompt prompt = chat_prompt(*host, std::move(job.input));
  return with_limits(json_reply(ordered_json{{"input_tokens", prompt.tokens.size()}}.dump()),
                     *bill);
}

json block_schema() {
  using namespace terms;
  return {{"type", "object"},
          {"required", json::array({"type"})},
          {"properties",
           {{"type", {{"type", "string"}}},
            {"text", text()},
            {"thinking", text()},
            {"signature", text()},
            {"id", text(256)},
            {"name", text(256)},
            {"input", object()},
            {"tool_use_id", text(256)},
            {"is_error", flag()},
            {"content",
             {{"anyOf",
               json::array({{{"type", "null"}},
                            {{"type", "string"}},
                            {{"type", "array"},
                             {"items", {{"$ref", "#/components/schemas/ContentBlock"}}}}})}}}}}};
}

json text_or_blocks() {
  return terms::either({{"type", "string"}},
                       {{"type", "array"},
                        {"maxItems", 100'000},
                        {"items", {{"$ref", "#/components/schemas/ContentBlock"}}}});
}

json conversation_fields() {
  using namespace terms;
  json system = text_or_blocks();
  system["anyOf"].push_back({{"type", "null"}});
  return {
      {"model", text(512)},
      {"system", std::move(system)},
      {"messages",
       {{"type", "array"},
        {"minItems", 1},
        {"items",
         body({{"role",
                {{"type", "string"}, {"enum", json::array({"user", "assistant", "system"})}}},
               {"content", text_or_blocks()}},
              json::array({"role", "content"}))}}},
      {"tools", list(body({{"type", text(128)},
                           {"name", {{"type", "string"}}},
                           {"description", text()},
                           {"input_schema", object()},
                           {"strict", flag()}},
                          json::array({"name"})),
                     128)},
      {"tool_choice",
       nullable(body(
           {{"type", {{"type", "string"}, {"enum", json::array({"auto", "any", "tool", "none"})}}},
            {"name", text(256)},
            {"disable_parallel_tool_use", flag()}},
           json::array({"type"})))},
      {"thinking",
       nullable(
           body({{"type",
                  {{"type", "string"},
                   {"enum", json::array({"enabled", "disabled", "adaptive", "between_tools"})}}},
                 {"budget_tokens", integer(0, most_tokens)}},
                json::array({"type"})))},
      {"output_config", object({{"effort", one_of_words({"low", "medium", "high", "xhigh", "max"})},
                                {"format", object()}})},
      {"output_format", object()}};
}

json messages_fields() {
  using namespace terms;
  json fields = conversation_fields();
  fields.update(
      json{{"max_tokens", {{"type", "integer"}, {"minimum", 0}, {"maximum", most_tokens}}},
           {"temperature", number(0, 2)},
           {"top_p", number(0, 1)},
           {"top_k", integer(-1, most_tokens)},
           {"seed", integer(INT64_MIN, INT64_MAX)},
           {"stop_sequences", list(stop_text(), 16)},
           {"stream", flag()},
           {"metadata", object({{"user_id", text(512)}})},
           {"service_tier", text(64)}});
  return fields;
}

}  // namespace

void add_messages_schemas(SchemaSet& schemas) {
  schemas.add("ContentBlock", block_schema());
  schemas.add("MessagesRequest",
              terms::body(messages_fields(), json::array({"max_tokens", "messages"})));
  schemas.add("CountTokensRequest", terms::body(conversation_fields(), json::array({"messages"})));
}

void add_messages_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  const Access access = Access::scope(chat_scope);
  router.add({"/v1/messages", "/anthropic/v1/messages"},
             Route("POST", "", access,
                   [context](const Exchange& exchange) { answer_messages(context, exchange); },
                   {.dialect = ErrorDialect::anthropic,
                    .summary = "Answers a conversation, as Anthropic's Messages API",
                    .request_schema = "MessagesRequest"}));
  router.add({"/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens"},
             Route("POST", "", access, answering([context](const HttpRequest& http) {
                     return count_tokens(*context, http);
                   }),
                   {.dialect = ErrorDialect::anthropic,
                    .heavy = true,
                    .summary = "Tokens of the prompt that a conversation makes",
                    .request_schema = "CountTokensRequest"}));
}

}  // namespace deepseek::serve
