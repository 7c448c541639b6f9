// SPDX-License-Identifier: Apache-2.0
#include "serve/api/reply_schemas.h"

#include "serve/api/reply_terms.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using namespace reply_terms;

/// Tokens so far, in every chunk of a stream.
json counts() {
  return record(
      {{"prompt_tokens", whole()}, {"completion_tokens", whole()}, {"total_tokens", whole()}});
}

void add_usage(SchemaSet& schemas) {
  schemas.add("Usage",
              record({{"prompt_tokens", whole()},
                      {"completion_tokens", whole()},
                      {"total_tokens", whole()},
                      {"prompt_cache_hit_tokens", whole()},
                      {"prompt_cache_miss_tokens", whole()},
                      {"prompt_tokens_details", record({{"cached_tokens", whole()}})},
                      {"completion_tokens_details", record({{"reasoning_tokens", whole()}})}}));
  schemas.add("Timings", record({{"queue_ms", number()},
                                 {"prompt_ms", number()},
                                 {"predicted_ms", number()},
                                 {"first_token_ms", number()},
                                 {"total_ms", number()},
                                 {"prompt_n", whole()},
                                 {"predicted_n", whole()},
                                 {"prompt_per_second", number()},
                                 {"predicted_per_second", number()}}));
}

json token_fields() {
  return {{"token", text()}, {"logprob", or_null(number())}, {"bytes", list(whole())}};
}

json finish_reasons() {
  return word({"stop", "length", "tool_calls", "insufficient_system_resource"});
}

json scores() { return or_null(record({{"content", list(ref("TokenScore"))}})); }

/// What `return_progress` adds to events before the first token.
json progress_terms() {
  return {{"queue_position", whole()},
          {"prompt_progress", record({{"total", whole()},
                                      {"cache", whole()},
                                      {"processed", whole()},
                                      {"time_ms", number()}})}};
}

void add_chat(SchemaSet& schemas) {
  json score = token_fields();
  score["top_logprobs"] = list(record(token_fields()));
  schemas.add("TokenScore", record(std::move(score)));

  const json call = record({{"id", text()},
                            {"type", only("function")},
                            {"function", record({{"name", text()}, {"arguments", text()}})}});
  const json message = record({{"role", only("assistant")}, {"content", or_null(text())}},
                              {{"reasoning_content", text()}, {"tool_calls", list(call)}});
  schemas.add("ChatReply", record({{"id", text()},
                                   {"object", only("chat.completion")},
                                   {"created", whole()},
                                   {"model", text()},
                                   {"choices", list(record({{"index", whole()},
                                                            {"message", message},
                                                            {"logprobs", scores()},
                                                            {"finish_reason", finish_reasons()}}))},
                                   {"usage", ref("Usage")},
                                   {"system_fingerprint", text()}},
                                  {{"timings", ref("Timings")}}));

  const json call_delta = record(
      {{"index", whole()}, {"function", record({{"arguments", text()}}, {{"name", text()}})}},
      {{"id", text()}, {"type", only("function")}});
  const json delta = record(json::object(), {{"role", only("assistant")},
                                             {"content", or_null(text())},
                                             {"reasoning_content", text()},
                                             {"tool_calls", list(call_delta)}});
  json more = progress_terms();
  more.update(
      json{{"usage", or_null(any_of({ref("Usage"), counts()}))}, {"timings", ref("Timings")}});
  schemas.add("ChatChunk",
              record({{"id", text()},
                      {"object", only("chat.completion.chunk")},
                      {"created", whole()},
                      {"model", text()},
                      {"system_fingerprint", text()},
                      {"choices", list(record({{"index", whole()},
                                               {"delta", delta},
                                               {"logprobs", scores()},
                                               {"finish_reason", or_null(finish_reasons())}}))}},
                     more));
}

/// The beginning of a reply and of each event of a completion.
json completion_fields(json finish_reason) {
  const json top = {{"type", "object"}, {"additionalProperties", or_null(number())}};
  const json logprobs = record({{"tokens", list(text())},
                                {"token_logprobs", list(or_null(number()))},
                                {"top_logprobs", list(or_null(top))},
                                {"text_offset", list(whole())}});
  return {{"id", text()},
          {"object", only("text_completion")},
          {"created", whole()},
          {"model", text()},
          {"system_fingerprint", text()},
          {"choices", list(record({{"index", whole()},
                                   {"text", text()},
                                   {"logprobs", or_null(logprobs)},
                                   {"finish_reason", std::move(finish_reason)}}))}};
}

void add_completions(SchemaSet& schemas) {
  json whole_reply = completion_fields(finish_reasons());
  whole_reply["usage"] = ref("Usage");
  schemas.add("CompletionReply", record(std::move(whole_reply), {{"timings", ref("Timings")}}));
  json more = progress_terms();
  more.update(json{{"prompt_index", whole()},
                   {"usage", any_of({ref("Usage"), counts()})},
                   {"timings", ref("Timings")}});
  schemas.add("CompletionChunk", record(completion_fields(or_null(finish_reasons())), more));
}

void add_embeddings(SchemaSet& schemas) {
  schemas.add("EmbeddingReply",
              record({{"object", only("list")},
                      {"data", list(record({{"object", only("embedding")},
                                            {"index", whole()},
                                            {"embedding", any_of({list(number()), text()})}}))},
                      {"model", text()},
                      {"pooling", word({"mean", "last"})},
                      {"usage", record({{"prompt_tokens", whole()}, {"total_tokens", whole()}})}}));
}

void add_models(SchemaSet& schemas) {
  schemas.add("ModelReply", record({{"id", text()},
                                    {"object", only("model")},
                                    {"created", whole()},
                                    {"owned_by", text()},
                                    {"max_model_len", whole()},
                                    {"context_length", whole()},
                                    {"type", only("model")},
                                    {"display_name", text()},
                                    {"created_at", text()},
                                    {"lifecycle", text()},
                                    {"max_input_tokens", whole()},
                                    {"meta", record({{"n_ctx_train", whole()},
                                                     {"n_params", whole()},
                                                     {"n_vocab", whole()},
                                                     {"n_embd", whole()}})}}));
  schemas.add("ModelsReply", list_page(ref("ModelReply")));
  schemas.add("VersionReply", record({{"version", text()}}));
  schemas.add("PropsReply", record({{"model", text()},
                                    {"model_path", text()},
                                    {"n_ctx", whole()},
                                    {"system_fingerprint", text()},
                                    {"chat_template", text()},
                                    {"tool_form", or_null(text())},
                                    {"thinks", truth()},
                                    {"running", whole()},
                                    {"waiting", whole()},
                                    {"kv_usage", number()}}));
  const json money = record({{"currency", text()},
                             {"total_balance", text()},
                             {"granted_balance", text()},
                             {"topped_up_balance", text()}});
  schemas.add("BalanceReply", record({{"is_available", truth()}, {"balance_infos", list(money)}}));
}

void add_tokens(SchemaSet& schemas) {
  const json ids = list(whole());
  schemas.add("TokenizeReply",
              record({{"count", whole()}, {"max_model_len", whole()}, {"tokens", ids}},
                     {{"token_strs", list(text())}}));
  schemas.add("DetokenizeReply", record({{"prompt", text()}, {"content", text()}}));
  schemas.add("TemplateReply", record({{"prompt", text()}, {"tokens", ids}}));
  schemas.add("TokenizerReply", record({{"tokenizer_class", text()},
                                        {"vocab_size", whole()},
                                        {"model_max_length", whole()},
                                        {"bos_token", or_null(text())},
                                        {"eos_token", or_null(text())},
                                        {"pad_token", or_null(text())},
                                        {"add_bos_token", truth()},
                                        {"add_eos_token", truth()},
                                        {"chat_template", text()}}));
}

void add_probes(SchemaSet& schemas) {
  schemas.add("ProbeReply", record({{"status", text()}}));
  schemas.add(
      "StartupReply",
      record({{"model", text()},
              {"state", word({"loading", "ready", "failed"})},
              {"models", list(record({{"name", text()},
                                      {"state", word({"loaded", "loading", "absent"})}}))}}));
}

void add_files(SchemaSet& schemas) {
  schemas.add("DeletedReply",
              record({{"id", text()}, {"object", text()}, {"deleted", only(true)}}));
  schemas.add("FileReply", record({{"id", text()},
                                   {"object", only("file")},
                                   {"bytes", whole()},
                                   {"created_at", whole()},
                                   {"expires_at", or_null(whole())},
                                   {"filename", text()},
                                   {"purpose", text()},
                                   {"status", text()}}));
  schemas.add("FilesReply", list_page(ref("FileReply")));
  json batch = {
      {"id", text()},
      {"object", only("batch")},
      {"endpoint", text()},
      {"errors", or_null(object())},
      {"input_file_id", text()},
      {"completion_window", text()},
      {"status", word({"validating", "in_progress", "finalizing", "completed", "failed", "expired",
                       "cancelling", "cancelled"})},
      {"output_file_id", or_null(text())},
      {"error_file_id", or_null(text())},
      {"created_at", whole()},
      {"expires_at", whole()},
      {"request_counts", record({{"total", whole()}, {"completed", whole()}, {"failed", whole()}})},
      {"metadata", or_null(object())}};
  for (const char* when : {"in_progress_at", "finalizing_at", "completed_at", "failed_at",
                           "expired_at", "cancelling_at", "cancelled_at"})
    batch[when] = or_null(whole());
  schemas.add("BatchReply", record(std::move(batch)));
  schemas.add("BatchesReply", list_page(ref("BatchReply")));
}

}  // namespace

void add_reply_schemas(SchemaSet& schemas) {
  add_usage(schemas);
  add_chat(schemas);
  add_completions(schemas);
  add_embeddings(schemas);
  add_models(schemas);
  add_tokens(schemas);
  add_probes(schemas);
  add_files(schemas);
  add_messages_replies(schemas);
  add_responses_replies(schemas);
  add_ollama_replies(schemas);
  add_page_replies(schemas);
  schemas.check();
}

}  // namespace deepseek::serve
