// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api.h"
#include "serve/api/chat_job.h"
#include "serve/api/chat_messages.h"
#include "serve/api/chat_reply.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::optional<bool> wants_thinking(const json& body) {
  if (const auto thinking = body.find("thinking"); thinking != body.end() && thinking->is_object())
    return field<std::string>(*thinking, "type") != "disabled";
  if (const auto kwargs = body.find("chat_template_kwargs");
      kwargs != body.end() && kwargs->is_object())
    for (const char* name : {"thinking", "enable_thinking"})
      if (const auto value = kwargs->find(name); value != kwargs->end() && value->is_boolean())
        return value->get<bool>();
  if (const auto effort = field<std::string>(body, "reasoning_effort"))
    if (*effort == "none") return false;
  return std::nullopt;
}

ToolChoice tool_choice(const json& body) {
  ToolChoice choice;
  choice.parallel = field<bool>(body, "parallel_tool_calls").value_or(true);
  const auto at = body.find("tool_choice");
  if (at == body.end() || at->is_null()) return choice;
  if (at->is_object()) {
    choice.kind = ToolChoice::Kind::required;
    choice.name = at->contains("function") ? (*at)["function"].value("name", "") : "";
    return choice;
  }
  const std::string word = at->get<std::string>();
  choice.kind = word == "none"       ? ToolChoice::Kind::none
                : word == "required" ? ToolChoice::Kind::required
                                     : ToolChoice::Kind::allowed;
  return choice;
}

/// Whether the answer goes on where the last message ends.
bool continues_last(const json& body) {
  const json& messages = body["messages"];
  const bool of_assistant = messages.back()["role"] == "assistant";
  for (size_t i = 0; i < messages.size(); ++i)
    if (field<bool>(messages[i], "prefix").value_or(false) &&
        !(of_assistant && i + 1 == messages.size()))
      refuse_param(422, concat("messages[", i, "].prefix"),
                   "expected prefix on the last message, and that the assistant's, got it in "
                   "messages[",
                   i, "], whose role is ", messages[i]["role"].get<std::string>());
  const bool asked = field<bool>(body, "continue_final_message").value_or(false);
  if (asked && !of_assistant)
    refuse_param(422, "continue_final_message",
                 "expected a last message of the assistant to go on with, got one of ",
                 messages.back()["role"].get<std::string>());
  return asked || field<bool>(messages.back(), "prefix").value_or(false);
}

ChatJob chat_job(const ApiContext& context, const ModelHost& host, const HttpRequest& http,
                 const json& body) {
  // Order of members matters to templates and to schemas: they are read again from the text.
  const ordered_json ordered = ordered_json::parse(http.body);
  ChatJob job;
  job.model = field<std::string>(body, "model").value_or("");
  job.input.messages = neutral_messages(ordered["messages"]);
  if (ordered.contains("tools") && ordered["tools"].is_array()) job.input.tools = ordered["tools"];
  job.input.thinking = wants_thinking(body);
  job.input.effort = deepseek_effort(field<std::string>(body, "reasoning_effort").value_or(""));
  job.input.continue_last = continues_last(body);
  if (ordered.contains("chat_template_kwargs") && ordered["chat_template_kwargs"].is_object())
    job.input.template_values = ordered["chat_template_kwargs"];
  job.tool_choice = tool_choice(body);
  job.strict_replay = context.strict_replay;
  job.bound = output_bound(http.body);
  job.thinking_budget = field<int64_t>(body, "thinking_token_budget");
  if (const auto thinking = body.find("thinking"); thinking != body.end() && thinking->is_object())
    if (const auto budget = field<int64_t>(*thinking, "budget_tokens"))
      job.thinking_budget = budget;
  apply_common_fields(body, host, job.request);
  job.request.logprobs = field<bool>(body, "logprobs").value_or(false);
  job.request.top_logprobs = field<int64_t>(body, "top_logprobs").value_or(0);
  if (job.request.top_logprobs > 0 && !job.request.logprobs)
    refuse_param(422, "top_logprobs", "needs logprobs to be true");
  job.request.salt = cache_salt(context.accounts->secret(), http,
                                field<std::string>(body, "user_id").value_or(""));
  job.request.tenant = tenant(http);
  return job;
}

void chat(const std::shared_ptr<ApiContext>& context, Exchange exchange) {
  const std::shared_ptr<Answer> answer = Answer::begin(std::move(exchange), context);
  if (!answer) return;
  const HttpRequest& http = answer->request();
  const json body = checked_body(http, "ChatRequest", context->schemas);
  const std::shared_ptr<ModelHost> host =
      context->host(http, field<std::string>(body, "model").value_or(""));
  ChatJob job = chat_job(*context, *host, http, body);
  if (!job.input.thinking) job.input.thinking = context->names->thinking_of(job.model);
  ChatAnswer started = start_chat(*context, http, *host, std::move(job));
  run_session(chat_reply(answer, host, body, started, context), started);
}

}  // namespace

void add_chat_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  router.add({"/v1/chat/completions", "/chat/completions", "/beta/chat/completions"},
             Route("POST", "", Access::scope(chat_scope),
                   [context](const Exchange& exchange) { chat(context, exchange); },
                   {.blank_keep_alive = true,
                    .summary = "Answers a conversation",
                    .request_schema = "ChatRequest"}));
}

}  // namespace deepseek::serve
