// SPDX-License-Identifier: Apache-2.0
// Replies in the dialects of Anthropic, of OpenAI's Responses and of ollama.
#include "serve/api/reply_schemas.h"
#include "serve/api/reply_terms.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using namespace reply_terms;

/// A record that its `type` tells from others.
json typed(const std::string& type, json fields, const json& optional = json::object()) {
  fields["type"] = only(type);
  return record(std::move(fields), optional);
}

json message_usage() {
  return record({{"input_tokens", whole()},
                 {"cache_creation_input_tokens", whole()},
                 {"cache_read_input_tokens", whole()},
                 {"output_tokens", whole()},
                 {"output_tokens_details", record({{"thinking_tokens", whole()}})}});
}

json stop_fields() {
  return {{"stop_reason", or_null(word({"end_turn", "max_tokens", "stop_sequence", "tool_use"}))},
          {"stop_sequence", or_null(text())},
          {"stop_details", only(nullptr)}};
}

json response_usage() {
  return record({{"input_tokens", whole()},
                 {"input_tokens_details", record({{"cached_tokens", whole()}})},
                 {"output_tokens", whole()},
                 {"output_tokens_details", record({{"reasoning_tokens", whole()}})},
                 {"total_tokens", whole()}});
}

json response_fields() {
  return {{"id", text()},
          {"object", only("response")},
          {"created_at", whole()},
          {"status", word({"in_progress", "completed", "incomplete"})},
          {"background", only(false)},
          {"error", only(nullptr)},
          {"incomplete_details", or_null(record({{"reason", text()}}))},
          {"output", list(ref("ResponseOutputItem"))},
          {"usage", or_null(response_usage())},
          {"store", truth()},
          {"instructions", or_null(text())},
          {"max_output_tokens", or_null(whole())},
          {"metadata", object()},
          {"model", text()},
          {"parallel_tool_calls", truth()},
          {"previous_response_id", or_null(text())},
          {"reasoning", record({{"effort", or_null(text())}, {"summary", only(nullptr)}})},
          {"temperature", number()},
          {"text", record({{"format", object()}})},
          {"tool_choice", any_of({text(), object()})},
          {"tools", list(object())},
          {"top_p", number()},
          {"truncation", only("disabled")},
          {"user", or_null(text())}};
}

json response_events() {
  std::vector<json> events;
  const auto add = [&](const char* type, json fields) {
    fields["sequence_number"] = whole();
    events.push_back(typed(std::string("response.") + type, std::move(fields)));
  };
  for (const char* type : {"created", "in_progress", "completed", "incomplete"})
    add(type, {{"response", ref("ResponsesReply")}});
  for (const char* type : {"output_item.added", "output_item.done"})
    add(type, {{"output_index", whole()}, {"item", ref("ResponseOutputItem")}});
  const auto of_item = [&](const char* type, json fields) {
    fields["item_id"] = text();
    fields["output_index"] = whole();
    add(type, std::move(fields));
  };
  const auto of_part = [&](const char* type, json fields) {
    fields["content_index"] = whole();
    of_item(type, std::move(fields));
  };
  for (const char* type : {"content_part.added", "content_part.done"})
    of_part(type, {{"part", ref("ResponseOutputPart")}});
  of_part("output_text.delta", {{"delta", text()}, {"logprobs", list(object())}});
  of_part("output_text.done", {{"text", text()}, {"logprobs", list(object())}});
  of_part("reasoning_text.delta", {{"delta", text()}});
  of_part("reasoning_text.done", {{"text", text()}});
  of_item("function_call_arguments.delta", {{"delta", text()}});
  of_item("function_call_arguments.done", {{"name", text()}, {"arguments", text()}});
  events.push_back(
      typed("error", {{"code", text()}, {"message", text()}, {"param", or_null(text())}}));
  return any_of(events);
}

/// What an answer's last object, or its only one, tells beside its text.
json ollama_end() {
  return {{"done_reason", word({"stop", "length", "load"})},
          {"total_duration", whole()},
          {"load_duration", whole()},
          {"prompt_eval_count", whole()},
          {"prompt_eval_duration", whole()},
          {"eval_count", whole()},
          {"eval_duration", whole()},
          {"logprobs", list(ref("TokenScore"))}};
}

json ollama_family() {
  return record({{"parent_model", text()},
                 {"format", text()},
                 {"family", text()},
                 {"families", list(text())},
                 {"parameter_size", text()},
                 {"quantization_level", text()}});
}

}  // namespace

void add_messages_replies(SchemaSet& schemas) {
  json shared = {{"id", text()},
                 {"role", only("assistant")},
                 {"model", text()},
                 {"content", list(ref("MessageBlock"))},
                 {"usage", message_usage()}};
  shared.update(stop_fields());
  schemas.add("MessageBlock",
              any_of({typed("text", {{"text", text()}, {"citations", only(nullptr)}}),
                      typed("thinking", {{"thinking", text()}, {"signature", text()}}),
                      typed("tool_use", {{"id", text()}, {"name", text()}, {"input", object()}})}));
  schemas.add("MessagesReply", typed("message", shared));
  const json delta = any_of({typed("text_delta", {{"text", text()}}),
                             typed("thinking_delta", {{"thinking", text()}}),
                             typed("signature_delta", {{"signature", text()}}),
                             typed("input_json_delta", {{"partial_json", text()}})});
  schemas.add("MessagesEvent",
              any_of({typed("message_start", {{"message", ref("MessagesReply")}}),
                      typed("ping", json::object()),
                      typed("content_block_start",
                            {{"index", whole()}, {"content_block", ref("MessageBlock")}}),
                      typed("content_block_delta", {{"index", whole()}, {"delta", delta}}),
                      typed("content_block_stop", {{"index", whole()}}),
                      typed("message_delta",
                            {{"delta", record(stop_fields())}, {"usage", message_usage()}}),
                      typed("message_stop", json::object())}));
  schemas.add("CountTokensReply", record({{"input_tokens", whole()}}));
}

void add_responses_replies(SchemaSet& schemas) {
  const json status = word({"in_progress", "completed", "incomplete"});
  const json parts = list(ref("ResponseOutputPart"));
  schemas.add("ResponseOutputPart", any_of({typed("output_text", {{"text", text()},
                                                                  {"annotations", list(object())},
                                                                  {"logprobs", list(object())}}),
                                            typed("reasoning_text", {{"text", text()}})}));
  schemas.add("ResponseOutputItem", any_of({typed("message", {{"id", text()},
                                                              {"status", status},
                                                              {"role", only("assistant")},
                                                              {"content", parts}}),
                                            typed("reasoning", {{"id", text()},
                                                                {"status", status},
                                                                {"summary", list(object())},
                                                                {"content", parts}}),
                                            typed("function_call", {{"id", text()},
                                                                    {"status", status},
                                                                    {"call_id", text()},
                                                                    {"name", text()},
                                                                    {"arguments", text()}})}));
  schemas.add("ResponsesReply", record(response_fields()));
  schemas.add("ResponsesEvent", response_events());
  schemas.add("InputTokensReply",
              record({{"object", only("response.input_tokens")}, {"input_tokens", whole()}}));
  schemas.add("InputItemsReply", list_page(object()));
}

void add_ollama_replies(SchemaSet& schemas) {
  const json call = record(
      {{"id", text()},
       {"function", record({{"index", whole()}, {"name", text()}, {"arguments", object()}})}});
  const json message = record({{"role", only("assistant")}, {"content", text()}},
                              {{"thinking", text()}, {"tool_calls", list(call)}});
  const json head = {{"model", text()}, {"created_at", text()}, {"done", truth()}};
  json chat = head, generated = head, end = ollama_end();
  chat["message"] = message;
  schemas.add("OllamaChatReply", record(std::move(chat), end));
  generated["response"] = text();
  end["thinking"] = text();
  schemas.add("OllamaGenerateReply", record(std::move(generated), end));
  schemas.add("OllamaEmbedReply", record({{"model", text()},
                                          {"embeddings", list(list(number()))},
                                          {"total_duration", whole()},
                                          {"load_duration", whole()},
                                          {"prompt_eval_count", whole()}}));
  json model = {{"name", text()},
                {"model", text()},
                {"size", whole()},
                {"digest", text()},
                {"details", ollama_family()}};
  json tag = model, running = model;
  tag["modified_at"] = text();
  running.update(json{{"expires_at", text()}, {"size_vram", whole()}, {"context_length", whole()}});
  schemas.add("OllamaTagsReply", record({{"models", list(record(std::move(tag)))}}));
  schemas.add("OllamaRunningReply", record({{"models", list(record(std::move(running)))}}));
  schemas.add("OllamaShowReply", record({{"license", text()},
                                         {"modelfile", text()},
                                         {"parameters", text()},
                                         {"template", text()},
                                         {"details", ollama_family()},
                                         {"model_info", object()},
                                         {"capabilities", list(text())},
                                         {"modified_at", text()}}));
}

}  // namespace deepseek::serve
