// SPDX-License-Identifier: Apache-2.0
#include "serve/api/page_answer.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ChatJob answer_job(const ApiContext& context, const ModelHost& host, const HttpRequest& http,
                   const json& body) {
  ChatJob job;
  job.model = body.value("model", "");
  job.input.messages = ordered_json::array();
  for (const json& message : body["messages"])
    job.input.messages.push_back({{"role", message["role"]}, {"content", message["content"]}});
  job.input.thinking = context.names->thinking_of(job.model);
  if (const auto thinking = body.find("thinking"); thinking != body.end()) {
    job.input.thinking = (*thinking)["type"] == "enabled";
    if (thinking->contains("budget_tokens"))
      job.thinking_budget = (*thinking)["budget_tokens"].get<int64_t>();
  }
  job.bound = output_bound(http.body);
  apply_common_fields(body, host, job.request);
  job.request.report_progress = true;
  job.request.salt = cache_salt(context.accounts->secret(), http, "");
  job.request.tenant = tenant(http);
  return job;
}

void answer_chat(const std::shared_ptr<Page>& page, Exchange exchange) {
  const HttpRequest& http = exchange.request();
  const std::shared_ptr<ApiContext>& context = page->api();
  const json body = checked_body(http, "PageAnswer", context->schemas);
  const std::string chat(http.path_value("chat"));
  store::History& history = page->history(http);
  if (!history.find(page_owner(http), chat)) refuse_param(404, "chat", "there is no such chat");
  const std::shared_ptr<ModelHost> host = context->host(http, body.value("model", ""));

  ChatAnswer started = start_chat(*context, http, *host, answer_job(*context, *host, http, body));
  ReplayStream stream = page->replays().open(page_owner(http));
  store::ChatMessage message;
  message.role = "assistant";
  message.parent_id = field<std::string>(body, "parent_id");
  message.details =
      ordered_json{{"state", "streaming"}, {"answer", stream.id()}, {"model", host->name()}}.dump();
  try {
    message =
        with_history("parent_id", [&] { return history.add(page_owner(http), chat, message); });
  } catch (...) {
    stream.finish();
    throw;
  }
  Ticket ticket = std::move(started.ticket);
  const auto answer = std::make_shared<PageAnswer>(page, http, host, started, stream, message);
  page->add(stream.id(), answer);
  stream.on_abandoned([weak = std::weak_ptr(answer)] {
    if (const auto left = weak.lock()) ReplyPump::cancel(*left);
  });
  stream.follow(exchange.stream());
  answer->begin();
  context->pump.run(answer, std::move(ticket));
}

/// The answer of the path, from its beginning.
ReplayStore::Position whole_answer(Page& page, const HttpRequest& http) {
  const std::string id(http.path_value("answer"));
  try {
    return page.replays().find(id + ".0", page_owner(http));
  } catch (const RequestError& error) {
    if (error.status() == 404)
      refuse_param(404, "answer", "there is no such answer, or it is forgotten");
    refuse_param(400, "answer", "expected the id of an answer, got '", printable(id, 40), "'");
  }
}

void follow_answer(const std::shared_ptr<Page>& page, Exchange exchange) {
  const HttpRequest& http = exchange.request();
  const std::string_view last = http.header("last-event-id");
  auto [stream, after] =
      last.empty() ? whole_answer(*page, http) : page->replays().find(last, page_owner(http));
  if (stream.id() != http.path_value("answer"))
    refuse(400, "Last-Event-ID is of another answer than the path");
  stream.follow(exchange.stream(), after);
}

HttpReply stop_answer(Page& page, const HttpRequest& http) {
  whole_answer(page, http);  // another's and none are refused
  if (const auto answer = page.answer(std::string(http.path_value("answer"))))
    ReplyPump::cancel(*answer);
  return json_reply(R"({"stopping":true})");
}

}  // namespace

void add_page_answer_routes(Router& router, const std::shared_ptr<Page>& page) {
  const Access access = Access::scope(chat_scope);
  router.add(Route("POST", "/web/chats/{chat}/answers", access,
                   [page](const Exchange& exchange) { answer_chat(page, exchange); },
                   {.summary = "Answers a message of a chat, as events that outlive a reload",
                    .request_schema = "PageAnswer"}));
  router.add(Route("GET", "/web/answers/{answer}", access,
                   [page](const Exchange& exchange) { follow_answer(page, exchange); },
                   {.summary = "The events of an answer, after Last-Event-ID where it is sent"}));
  router.add(Route("POST", "/web/answers/{answer}/stop", access,
                   answering([page](const HttpRequest& http) { return stop_answer(*page, http); }),
                   {.summary = "Ends an answer; what came of it stays in the chat"}));
}

}  // namespace deepseek::serve
