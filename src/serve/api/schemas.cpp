// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api.h"
#include "serve/api/schema_terms.h"
#include "serve/batches/batch_routes.h"
#include "serve/files/file_routes.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using namespace terms;

/// Sampling, limits and scores.
json common_fields() {
  return {
      {"model", text(512)},
      {"temperature", number(0, 2)},
      {"top_p", number(0, 1)},
      {"top_k", integer(-1, most_tokens)},
      {"min_p", number(0, 1)},
      {"repetition_penalty", number(0.01, 100)},
      {"frequency_penalty", number(-2, 2)},
      {"presence_penalty", number(-2, 2)},
      {"logit_bias", nullable({{"type", "object"},
                               {"additionalProperties",
                                {{"type", "number"}, {"minimum", -100}, {"maximum", 100}}},
                               {"maxProperties", 1024}})},
      {"seed", integer(INT64_MIN, INT64_MAX)},
      {"n", integer(1, 128)},
      {"max_tokens", integer(0, most_tokens)},
      {"max_completion_tokens", integer(0, most_tokens)},
      {"min_tokens", integer(0, most_tokens)},
      {"stop",
       {{"anyOf", json::array({{{"type", "null"}},
                               stop_text(),
                               {{"type", "array"}, {"maxItems", 16}, {"items", stop_text()}}})}}},
      {"stop_token_ids", nullable({{"type", "array"}, {"maxItems", 1024}, {"items", token_id()}})},
      {"ignore_eos", flag()},
      {"stream", flag()},
      {"stream_options",
       nullable({{"type", "object"},
                 {"properties", {{"include_usage", flag()}, {"continuous_usage_stats", flag()}}}})},
      {"return_progress", flag()},
      {"timings", flag()},
      {"timings_per_token", flag()},
      {"user_id",
       nullable({{"type", "string"}, {"maxLength", 512}, {"pattern", "^[A-Za-z0-9_-]*$"}})},
      {"user", text(1024)},
      {"service_tier", text(64)},
      {"store", flag()},
      {"metadata", nullable({{"type", "object"}, {"additionalProperties", {{"type", "string"}}}})},
      {"prompt_cache_key", text(1024)},
      {"safety_identifier", text(1024)},
      {"verbosity", text(64)},
      {"guided_json", {{"type", json::array({"object", "string", "boolean", "null"})}}},
      {"guided_regex", text()},
      {"guided_grammar", text()},
      {"guided_choice", nullable({{"type", "array"},
                                  {"minItems", 1},
                                  {"maxItems", 10000},
                                  {"items", {{"type", "string"}}}})},
      {"response_format", nullable({{"type", "object"},
                                    {"required", json::array({"type"})},
                                    {"properties", {{"type", {{"type", "string"}}}}}})},
  };
}

json message_schema() {
  const json part = {{"type", "object"},
                     {"required", json::array({"type"})},
                     {"properties", {{"type", {{"type", "string"}}}, {"text", text()}}}};
  const json call = {
      {"type", "object"},
      {"required", json::array({"function"})},
      {"properties",
       {{"id", text(256)},
        {"type", text(64)},
        {"function",
         {{"type", "object"},
          {"required", json::array({"name"})},
          {"properties", {{"name", {{"type", "string"}}}, {"arguments", text()}}}}}}}};
  return {
      {"type", "object"},
      {"required", json::array({"role"})},
      {"properties",
       {{"role",
         {{"type", "string"},
          {"enum", json::array({"system", "developer", "user", "assistant", "tool", "function"})}}},
        {"content",
         {{"anyOf",
           json::array(
               {{{"type", "null"}}, {{"type", "string"}}, {{"type", "array"}, {"items", part}}})}}},
        {"reasoning_content", text()},
        {"reasoning", text()},
        {"name", text(256)},
        {"prefix", flag()},
        {"tool_call_id", text(256)},
        {"tool_calls", nullable({{"type", "array"}, {"items", call}, {"maxItems", 128}})}}}};
}

json messages_schema() {
  return {
      {"type", "array"}, {"minItems", 1}, {"items", {{"$ref", "#/components/schemas/Message"}}}};
}

json tool_schema() {
  return {{"type", "object"},
          {"required", json::array({"type", "function"})},
          {"properties",
           {{"type", {{"type", "string"}, {"enum", json::array({"function"})}}},
            {"function",
             {{"type", "object"},
              {"required", json::array({"name"})},
              {"properties",
               {{"name", {{"type", "string"}}},
                {"description", text()},
                {"strict", flag()},
                {"parameters", object()}}}}}}}};
}

json chat_fields() {
  json fields = common_fields();
  fields["messages"] = messages_schema();
  fields["tools"] = nullable(
      {{"type", "array"}, {"maxItems", 128}, {"items", {{"$ref", "#/components/schemas/Tool"}}}});
  fields["tool_choice"] = {
      {"anyOf",
       json::array({{{"type", "null"}},
                    {{"type", "string"}, {"enum", json::array({"none", "auto", "required"})}},
                    {{"type", "object"},
                     {"required", json::array({"function"})},
                     {"properties",
                      {{"function",
                        {{"type", "object"},
                         {"required", json::array({"name"})},
                         {"properties", {{"name", {{"type", "string"}}}}}}}}}}})}};
  fields["parallel_tool_calls"] = flag();
  fields["thinking"] = nullable({{"type", "object"},
                                 {"properties",
                                  {{"type", one_of_words({"enabled", "disabled", "adaptive"})},
                                   {"budget_tokens", integer(0, most_tokens)}}}});
  fields["reasoning_effort"] =
      one_of_words({"none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"});
  fields["thinking_token_budget"] = integer(0, most_tokens);
  fields["chat_template_kwargs"] = object();
  fields["continue_final_message"] = flag();
  fields["logprobs"] = flag();
  fields["top_logprobs"] = integer(0, 20);
  return fields;
}

/// A text or token ids, one or several.
json texts_or_ids() {
  const json ids = {{"type", "array"}, {"items", token_id()}};
  return {
      {"anyOf", json::array({{{"type", "string"}},
                             ids,
                             {{"type", "array"},
                              {"maxItems", 2048},
                              {"items", {{"anyOf", json::array({{{"type", "string"}}, ids})}}}}})}};
}

json embedding_fields() {
  return {{"model", text(512)},
          {"input", texts_or_ids()},
          {"encoding_format", one_of_words({"float", "base64"})},
          {"dimensions", integer(1, most_tokens)},
          {"pooling", one_of_words({"mean", "last"})},
          {"normalize", flag()},
          {"service_tier", text(64)},
          {"user", text(1024)}};
}

json completion_fields() {
  json fields = common_fields();
  fields["prompt"] = texts_or_ids();
  fields["suffix"] = text();
  fields["echo"] = flag();
  fields["best_of"] = integer(1, 128);
  fields["logprobs"] = integer(0, 20);
  return fields;
}

}  // namespace

void add_request_schemas(SchemaSet& schemas) {
  add_file_schemas(schemas);
  add_batch_schemas(schemas);
  schemas.add("Message", message_schema());
  schemas.add("Tool", tool_schema());
  schemas.add("ChatRequest", body(chat_fields(), json::array({"messages"})));
  schemas.add("CompletionRequest", body(completion_fields(), json::array({"prompt"})));
  schemas.add("EmbeddingRequest", body(embedding_fields(), json::array({"input"})));
  schemas.add("TokenizeRequest", body({{"model", text(512)},
                                       {"prompt", text()},
                                       {"content", text()},
                                       {"add_special_tokens", flag()},
                                       {"parse_special", flag()},
                                       {"return_token_strs", flag()},
                                       {"messages", messages_schema()}},
                                      json::array()));
  schemas.add("DetokenizeRequest", body({{"model", text(512)},
                                         {"skip_special_tokens", flag()},
                                         {"tokens", {{"type", "array"}, {"items", token_id()}}}},
                                        json::array({"tokens"})));
  schemas.add("TemplateRequest", body({{"model", text(512)}, {"messages", messages_schema()}},
                                      json::array({"messages"})));
  add_messages_schemas(schemas);
  add_ollama_schemas(schemas);
  add_responses_schemas(schemas);
  schemas.check();
}

}  // namespace deepseek::serve
