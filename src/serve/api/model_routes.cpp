// SPDX-License-Identifier: Apache-2.0
#include "deepseek/deepseek.h"
#include "serve/api/api.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

/// Published under each name that clients look for, those of Anthropic's API among them.
ordered_json model_page(const ModelCard& card) {
  const int64_t length = card.context_length();
  const std::chrono::system_clock::time_point created{std::chrono::seconds(card.changed())};
  return {{"id", card.name()},
          {"object", "model"},
          {"created", card.changed()},
          {"owned_by", "deepseek"},
          {"max_model_len", length},
          {"context_length", length},
          {"type", "model"},
          {"display_name", card.name()},
          {"created_at", time_text(created)},
          {"lifecycle", "active"},
          {"max_input_tokens", length},
          {"meta",
           {{"n_ctx_train", card.config().max_position_embeddings},
            {"n_params", count_parameters(card.config()).total},
            {"n_vocab", card.config().vocab_size},
            {"n_embd", card.config().hidden_size}}}};
}

}  // namespace

void add_model_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  const Access access = Access::any_key();
  router.add({"/v1/models", "/models", "/anthropic/v1/models"},
             Route("GET", "", access, answering([context](const HttpRequest&) {
                     ordered_json page = {{"object", "list"}, {"data", ordered_json::array()}};
                     for (const auto& card : context->models->cards())
                       page["data"].push_back(model_page(*card));
                     page["has_more"] = false;
                     page["first_id"] = page["data"].front()["id"];
                     page["last_id"] = page["data"].back()["id"];
                     return json_reply(page.dump());
                   }),
                   {.summary = "The models that answer"}));
  router.add({"/v1/models/{model*}", "/models/{model*}", "/anthropic/v1/models/{model*}"},
             Route("GET", "", access, answering([context](const HttpRequest& http) {
                     const std::string name(http.path_value("model"));
                     return json_reply(model_page(*context->names->find(name)).dump());
                   }),
                   {.summary = "One model"}));
  router.add(Route("GET", "/version", Access::open(), answering([](const HttpRequest&) {
                     return json_reply(ordered_json{{"version", std::string(version())}}.dump());
                   }),
                   {.always = true, .summary = "The program's version"}));
  router.add(Route(
      "GET", "/props", access, answering([context](const HttpRequest& http) {
        const std::shared_ptr<ModelHost> host = context->host(http, "");
        const SchedulerStatistics now = host->scheduler().statistics();
        return json_reply(ordered_json{
            {"model", host->name()},
            {"model_path", host->model().path().string()},
            {"n_ctx", host->model().context_length()},
            {"system_fingerprint", host->scheduler().fingerprint()},
            {"chat_template", host->model().chat_template_text()},
            {"tool_form", host->reply_form().tools ? ordered_json(host->reply_form().tools->name)
                                                   : ordered_json(nullptr)},
            {"thinks", host->reply_form().thinks},
            {"running", now.running_requests},
            {"waiting", now.waiting_requests},
            {"kv_usage",
             now.kv_usage}}.dump());
      }),
      {.summary = "How the model is set up and how busy it is"}));
}

}  // namespace deepseek::serve
