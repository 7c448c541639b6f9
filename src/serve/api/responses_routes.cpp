// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "serve/api/api.h"
#include "serve/api/chat_prompt.h"
#include "serve/api/request_fields.h"
#include "serve/api/responses_reply.h"
#include "serve/api/responses_request.h"
#include "serve/api/schema_terms.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void answer_responses(const std::shared_ptr<ApiContext>& context, Exchange exchange) {
  const std::shared_ptr<Answer> answer =
      Answer::begin(std::move(exchange), context, ErrorDialect::responses);
  if (!answer) return;
  const HttpRequest& http = answer->request();
  const json body = checked_body(http, "ResponsesRequest", context->schemas);
  const std::shared_ptr<ModelHost> host =
      context->host(http, field<std::string>(body, "model").value_or(""));
  ResponsesRequest request = responses_request(*context, *host, http, body);
  ChatAnswer started = start_chat(*context, http, *host, std::move(request.job));
  if (field<std::string>(body, "truncation") == "auto")
    started.warnings.emplace_back("truncation: nothing is ever cut; a prompt too long is refused");
  run_session(responses_reply(answer, host, request, started, context), started);
}

HttpReply count_tokens(const ApiContext& context, const HttpRequest& http) {
  const json body = checked_body(http, "ResponsesRequest", context.schemas);
  const std::shared_ptr<ModelHost> host =
      context.host(http, field<std::string>(body, "model").value_or(""));
  const std::shared_ptr<Bill> bill = context.accounts->admit_free(http);
  ChatJob job = responses_conversation(context, *host, http).job;
  if (job.tool_choice.kind == ToolChoice::Kind::none) job.input.tools = ordered_json::array();
  const ChatPrompt prompt = chat_prompt(*host, std::move(job.input));
  return with_limits(json_reply(ordered_json{{"object", "response.input_tokens"},
                                             {"input_tokens", prompt.tokens.size()}}
                                    .dump()),
                     *bill);
}

[[noreturn]] void refuse_missing(std::string_view id) {
  throw RequestError(404, concat("Response with id '", printable(id, 80), "' not found."),
                     {.param = "id", .code = "response_not_found"});
}

/// What was kept of a response: {"input", "response"}.
ordered_json stored(const ApiContext& context, const HttpRequest& http) {
  const std::string id(http.path_value("id"));
  store::Responses* const responses = context.accounts->responses();
  const auto found = responses ? responses->find(holder_of(http).owner, id)
                               : std::optional<store::StoredResponse>();
  if (!found) refuse_missing(id);
  return ordered_json::parse(found->body);
}

HttpReply remove(const ApiContext& context, const HttpRequest& http) {
  const std::string id(http.path_value("id"));
  store::Responses* const responses = context.accounts->responses();
  if (!responses || !responses->remove(holder_of(http).owner, id)) refuse_missing(id);
  return json_reply(ordered_json{{"id", id}, {"object", "response"}, {"deleted", true}}.dump());
}

/// A page of the items a response was asked with: `limit` (1 to 100, 20), `order` (desc, asc),
/// `after` an item's id.
HttpReply input_items(const ApiContext& context, const HttpRequest& http) {
  constexpr int64_t usual = 20, most = 100;
  int64_t limit = usual;
  if (const std::string* text = http.query_value("limit")) {
    const bool digits = !text->empty() && text->size() < 5 &&
                        std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '9'; });
    limit = digits ? std::stoll(*text) : 0;
    if (limit < 1 || limit > most)
      refuse_param(422, "limit", "expected 1 to ", most, ", got '", printable(*text, 40), "'");
  }
  const std::string* order = http.query_value("order");
  if (order && *order != "asc" && *order != "desc")
    refuse_param(422, "order", "expected asc or desc, got '", printable(*order, 40), "'");
  ordered_json items = stored(context, http)["input"];
  if (!order || *order == "desc") std::ranges::reverse(items);
  const std::string* after = http.query_value("after");
  bool begun = !after;
  ordered_json page = ordered_json::array();
  bool more = false;
  for (const ordered_json& item : items) {
    if (!begun) {
      begun = item["id"] == *after;
    } else if (static_cast<int64_t>(page.size()) == limit) {
      more = true;
      break;
    } else {
      page.push_back(item);
    }
  }
  if (!begun)
    refuse_param(404, "after", "expected the id of an item, got '", printable(*after, 80), "'");
  const ordered_json first = page.empty() ? ordered_json(nullptr) : page.front()["id"];
  const ordered_json last = page.empty() ? ordered_json(nullptr) : page.back()["id"];
  return json_reply(ordered_json{
      {"object", "list"},
      {"data", std::move(page)},
      {"first_id", first},
      {"last_id", last},
      {"has_more",
       more}}.dump());
}

json item_schema() {
  using namespace terms;
  const json part =
      body({{"type", text(64)}, {"text", text()}, {"refusal", text()}}, json::array());
  const json text_or_parts = {
      {"anyOf", json::array({{{"type", json::array({"string", "null"})}},
                             {{"type", "array"}, {"maxItems", 100'000}, {"items", part}}})}};
  return body({{"type", text(64)},
               {"id", text(256)},
               {"role", text(64)},
               {"content", text_or_parts},
               {"summary", list(part, 100'000)},
               {"call_id", text(256)},
               {"name", text(256)},
               {"arguments", text()},
               {"output", text_or_parts}},
              json::array());
}

json responses_fields() {
  using namespace terms;
  return {
      {"model", text(512)},
      {"input",
       {{"anyOf", json::array({{{"type", json::array({"string", "null"})}},
                               {{"type", "array"},
                                {"maxItems", 100'000},
                                {"items", {{"$ref", "#/components/schemas/ResponseItem"}}}}})}}},
      {"instructions", text()},
      {"previous_response_id", text(256)},
      {"store", flag()},
      {"stream", flag()},
      {"background", flag()},
      {"include", list({{"type", "string"}}, 64)},
      {"max_output_tokens", integer(0, most_tokens)},
      {"temperature", number(0, 2)},
      {"top_p", number(0, 1)},
      {"top_k", integer(-1, most_tokens)},
      {"seed", integer(INT64_MIN, INT64_MAX)},
      {"stop", list(stop_text(), 16)},
      {"service_tier", text(64)},
      {"user", text(1024)},
      {"user_id",
       nullable({{"type", "string"}, {"maxLength", 512}, {"pattern", "^[A-Za-z0-9_-]*$"}})},
      {"metadata", nullable({{"type", "object"},
                             {"maxProperties", 16},
                             {"additionalProperties", {{"type", "string"}, {"maxLength", 512}}}})},
      {"truncation", one_of_words({"auto", "disabled"})},
      {"parallel_tool_calls", flag()},
      {"tools", list(body({{"type", {{"type", "string"}}},
                           {"name", text(256)},
                           {"description", text()},
                           {"parameters", object()},
                           {"strict", flag()}},
                          json::array({"type"})),
                     128)},
      {"tool_choice",
       {{"anyOf",
         json::array({{{"type", "null"}},
                      {{"type", "string"}, {"enum", json::array({"none", "auto", "required"})}},
                      body({{"type", {{"type", "string"}}},
                            {"name", text(256)},
                            {"mode", one_of_words({"auto", "required"})},
                            {"tools", list(body({{"name", text(256)}}, json::array()), 128)}},
                           json::array({"type"}))})}}},
      {"reasoning", object({{"effort", one_of_words({"none", "minimal", "low", "medium", "high",
                                                     "xhigh", "max", "ultra"})},
                            {"summary", text(64)}})},
      {"text", object({{"format", object({{"type", text(64)}, {"name", text(256)}})}})}};
}

}  // namespace

void add_responses_schemas(SchemaSet& schemas) {
  schemas.add("ResponseItem", item_schema());
  schemas.add("ResponsesRequest", terms::body(responses_fields(), json::array()));
}

void add_responses_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  const Access access = Access::scope(responses_scope);
  const auto options = [](const char* summary, const char* schema) {
    return RouteOptions{
        .dialect = ErrorDialect::responses, .summary = summary, .request_schema = schema};
  };
  const auto on = [context](HttpReply (*answer)(const ApiContext&, const HttpRequest&)) {
    return answering([context, answer](const HttpRequest& http) { return answer(*context, http); });
  };
  RouteOptions counting = options("Tokens of the prompt that a request makes", "ResponsesRequest");
  counting.heavy = true;
  router.add({"/v1/responses", "/responses"},
             Route(
                 "POST", "", access,
                 [context](const Exchange& exchange) { answer_responses(context, exchange); },
                 options("Answers a conversation, as OpenAI's Responses API", "ResponsesRequest")));
  router.add({"/v1/responses/input_tokens", "/responses/input_tokens"},
             Route("POST", "", access, on(count_tokens), counting));
  router.add({"/v1/responses/{id}", "/responses/{id}"},
             Route("GET", "", access, on([](const ApiContext& shared, const HttpRequest& http) {
                     return json_reply(stored(shared, http)["response"].dump());
                   }),
                   options("A stored response", "")));
  router.add({"/v1/responses/{id}", "/responses/{id}"},
             Route("DELETE", "", access, on(remove), options("Forgets a stored response", "")));
  router.add({"/v1/responses/{id}/input_items", "/responses/{id}/input_items"},
             Route("GET", "", access, on(input_items),
                   options("What a stored response was asked with", "")));
}

}  // namespace deepseek::serve
