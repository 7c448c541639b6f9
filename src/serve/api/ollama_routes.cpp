// SPDX-License-Identifier: Apache-2.0
#include "deepseek/deepseek.h"
#include "serve/api/api.h"
#include "serve/api/embedding.h"
#include "serve/api/ollama_models.h"
#include "serve/api/ollama_reply.h"
#include "serve/api/ollama_request.h"
#include "serve/api/request_fields.h"
#include "serve/api/schema_terms.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void answer_ollama(const std::shared_ptr<ApiContext>& context, Exchange exchange, bool chat) {
  const std::shared_ptr<Answer> answer =
      Answer::begin(std::move(exchange), context, ErrorDialect::ollama);
  if (!answer) return;
  const HttpRequest& http = answer->request();
  const json body =
      checked_body(http, chat ? "OllamaChatRequest" : "OllamaGenerateRequest", context->schemas);
  const std::shared_ptr<ModelHost> host = context->host(http, ollama_model(body));
  OllamaRequest request = chat ? ollama_chat_request(*context, *host, http, body)
                               : ollama_generate_request(*context, *host, http, body);
  const std::string model = field<std::string>(body, "model").value_or(host->name());
  if (request.empty) {
    limits_of(http, context->time_limits);  // what they say is refused all the same
    return answer->reply(json_reply(ollama_loaded(model, chat).dump()));
  }
  const OllamaReplyOptions options{.model = model,
                                   .chat = chat,
                                   .stream = request.stream,
                                   .shows_thinking = request.shows_thinking};
  ChatAnswer started = start_chat(*context, http, *host, std::move(request.job));
  run_session(ollama_reply(answer, host, options, started, context), started);
}

void embed(const std::shared_ptr<ApiContext>& context, Exchange exchange) {
  const std::shared_ptr<Answer> answer =
      Answer::begin(std::move(exchange), context, ErrorDialect::ollama);
  if (!answer) return;
  const json body = checked_body(answer->request(), "OllamaEmbedRequest", context->schemas);
  const std::shared_ptr<ModelHost> host = context->host(answer->request(), ollama_model(body));
  const int64_t width = host->model().config().hidden_size;
  if (const auto dimensions = field<int64_t>(body, "dimensions");
      dimensions && *dimensions != width)
    refuse_param(422, "dimensions", "expected ", width, ", the width of this model, got ",
                 *dimensions, "; leave dimensions out");
  const std::string model = field<std::string>(body, "model").value_or(host->name());
  run_embeddings(context, answer, host, {.inputs = embedding_inputs(*host, body["input"])},
                 [model](const EmbeddingAnswer& result) {
                   const auto ns = [](double ms) { return static_cast<int64_t>(ms * 1e6); };
                   return json_reply(ordered_json{{"model", model},
                                                  {"embeddings", result.vectors},
                                                  {"total_duration", ns(result.timings.total_ms)},
                                                  {"load_duration", ns(result.timings.queue_ms)},
                                                  {"prompt_eval_count", result.prompt_tokens}}
                                         .dump());
                 });
}

ordered_json all_models(const ApiContext& context) {
  ordered_json models = ordered_json::array();
  for (const auto& card : context.models->cards()) models.push_back(ollama_tag(*card));
  return {{"models", std::move(models)}};
}

ordered_json loaded_models(const ApiContext& context) {
  ordered_json models = ordered_json::array();
  for (const ModelPool::Status& status : context.models->status())
    if (status.state == ModelPool::State::loaded) models.push_back(ollama_running(status));
  return {{"models", std::move(models)}};
}

json options_schema() {
  using namespace terms;
  return object(
      {{"temperature", number(0, 2)},
       {"top_k", integer(-1, most_tokens)},
       {"top_p", number(0, 1)},
       {"min_p", number(0, 1)},
       {"seed", integer(INT64_MIN, INT64_MAX)},
       {"num_predict", integer(-2, most_tokens)},
       {"repeat_penalty", number(0.01, 100)},
       {"presence_penalty", number(-2, 2)},
       {"frequency_penalty", number(-2, 2)},
       {"stop",
        {{"anyOf",
          json::array({{{"type", "null"}},
                       stop_text(),
                       {{"type", "array"}, {"maxItems", 16}, {"items", stop_text()}}})}}}});
}

json shared_fields() {
  using namespace terms;
  return {{"model", text(512)},
          {"stream", flag()},
          {"think",
           either({{"type", json::array({"boolean", "null"})}},
                  {{"type", "string"}, {"enum", json::array({"low", "medium", "high", "max"})}})},
          {"format", either({{"type", json::array({"string", "null"})}}, {{"type", "object"}})},
          {"logprobs", flag()},
          {"top_logprobs", integer(0, 20)},
          {"options", options_schema()},
          {"keep_alive", {{"type", json::array({"string", "number", "null"})}}}};
}

json chat_fields() {
  using namespace terms;
  const json call =
      body({{"function", body({{"name", {{"type", "string"}}}, {"arguments", {{"type", "object"}}}},
                              json::array({"name"}))}},
           json::array({"function"}));
  json fields = shared_fields();
  fields["messages"] = list(
      body({{"role",
             {{"type", "string"}, {"enum", json::array({"system", "user", "assistant", "tool"})}}},
            {"content", text()},
            {"thinking", text()},
            {"tool_name", text(256)},
            {"tool_call_id", text(256)},
            {"images", list(json::object(), 1024)},
            {"tool_calls", list(call, 128)}},
           json::array({"role"})),
      100'000);
  fields["tools"] = list({{"$ref", "#/components/schemas/Tool"}}, 128);
  return fields;
}

json generate_fields() {
  using namespace terms;
  json fields = shared_fields();
  fields.update(json{{"prompt", text()},
                     {"suffix", text()},
                     {"system", text()},
                     {"template", text()},
                     {"raw", flag()},
                     {"context", list({{"type", "integer"}}, most_tokens)},
                     {"images", list(json::object(), 1024)}});
  return fields;
}

}  // namespace

void add_ollama_schemas(SchemaSet& schemas) {
  using namespace terms;
  const json input =
      either({{"type", "string"}},
             {{"type", "array"}, {"maxItems", 2048}, {"items", {{"type", "string"}}}});
  schemas.add("OllamaChatRequest", body(chat_fields(), json::array({"model"})));
  schemas.add("OllamaGenerateRequest", body(generate_fields(), json::array({"model"})));
  schemas.add(
      "OllamaShowRequest",
      body({{"model", text(512)}, {"name", text(512)}, {"verbose", flag()}}, json::array()));
  schemas.add("OllamaEmbedRequest", body({{"model", text(512)},
                                          {"input", input},
                                          {"truncate", flag()},
                                          {"dimensions", integer(1, most_tokens)},
                                          {"options", options_schema()}},
                                         json::array({"model", "input"})));
}

void add_ollama_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  const Access chat = Access::scope(chat_scope);
  const auto add = [&](const char* method, const char* path, const Access& access, Handler handler,
                       const char* summary, const char* schema) {
    router.add(
        Route(method, path, access, std::move(handler),
              {.dialect = ErrorDialect::ollama, .summary = summary, .request_schema = schema}));
  };
  add(
      "POST", "/api/chat", chat,
      [context](const Exchange& exchange) { answer_ollama(context, exchange, true); },
      "Answers a conversation, as ollama does", "OllamaChatRequest");
  add(
      "POST", "/api/generate", chat,
      [context](const Exchange& exchange) { answer_ollama(context, exchange, false); },
      "Answers or continues a text, as ollama does", "OllamaGenerateRequest");
  add(
      "POST", "/api/embed", Access::scope(embeddings_scope),
      [context](const Exchange& exchange) { embed(context, exchange); },
      "Vectors of texts, as ollama does", "OllamaEmbedRequest");
  add("GET", "/api/tags", Access::any_key(),
      answering([context](const HttpRequest&) { return json_reply(all_models(*context).dump()); }),
      "The models that answer, as ollama lists them", "");
  add("GET", "/api/ps", Access::any_key(), answering([context](const HttpRequest&) {
        return json_reply(loaded_models(*context).dump());
      }),
      "The models that are loaded, as ollama lists them", "");
  add("POST", "/api/show", Access::any_key(), answering([context](const HttpRequest& http) {
        const json body = checked_body(http, "OllamaShowRequest", context->schemas);
        return json_reply(ollama_details(*context->names->find(ollama_model(body))).dump());
      }),
      "One model, as ollama describes it", "OllamaShowRequest");
  add("GET", "/api/version", Access::any_key(), answering([](const HttpRequest&) {
        return json_reply(ordered_json{{"version", std::string(version())}}.dump());
      }),
      "The program's version, where ollama's clients ask for it", "");
}

}  // namespace deepseek::serve
