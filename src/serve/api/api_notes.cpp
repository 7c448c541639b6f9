// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api_notes.h"

#include <map>
#include <memory>

#include "serve/api/reply_terms.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using reply_terms::word;
using Notes = std::map<std::string, RouteNote, std::less<>>;

constexpr const char* events = "text/event-stream";
constexpr const char* lines = "application/x-ndjson";
constexpr const char* bytes = "application/octet-stream";

json integer(int64_t least, int64_t most) {
  return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}
json text() { return {{"type", "string"}, {"pattern", plain_text_pattern}}; }

ParameterNote model_query() {
  return {"model", "Which model; the first one when it is left out.", text()};
}

std::vector<ParameterNote> list_query(std::vector<ParameterNote> more = {}) {
  more.push_back({"after", "The id that the page before this one ended with.", text()});
  more.push_back({"limit", "Entries of a page; 100 when it is left out.", integer(1, 999)});
  more.push_back({"order", "The latest first.", word({"desc"})});
  return more;
}

/// The headers of what a model computes. What they take in the schema's range is taken.
std::vector<ParameterNote> time_headers(const TimeLimits& limits) {
  const auto header = [](const char* name, const char* description,
                         std::chrono::milliseconds limit) {
    return ParameterNote{name,
                         description,
                         {{"type", "number"},
                          {"minimum", 0.001},
                          {"maximum", double(longest_time(limit).count()) / 1000}},
                         "header"};
  };
  return {
      header("x-queue-timeout", "Seconds to wait for its turn at most.", limits.queue),
      header("x-first-token-timeout", "Seconds to the first token at most.", limits.first_token),
      header("x-total-timeout", "Seconds to the end of the answer at most.", limits.total)};
}

/// Of what a model computes: the model, money, idempotency, streams that go on, rates, time.
const std::vector<int> model_failures{402, 404, 409, 410, 429, 504};
/// Of what counts tokens: the model, money to load it, rates.
const std::vector<int> token_failures{402, 404, 429};
/// Of what only names a model.
const std::vector<int> name_failures{404};
/// Of files and batches.
const std::vector<int> store_failures{501};
const std::vector<int> entry_failures{404, 501};

void add_dialects(Notes& notes, const std::vector<ParameterNote>& times) {
  notes["POST /chat/completions"] = {
      .replies = {{"ChatReply"}, {.schema = "ChatChunk", .media = events, .ends_with_done = true}},
      .failures = model_failures,
      .parameters = times};
  notes["POST /completions"] = {
      .replies = {{"CompletionReply"},
                  {.schema = "CompletionChunk", .media = events, .ends_with_done = true}},
      .failures = model_failures,
      .parameters = times};
  notes["POST /embeddings"] = {
      .replies = {{"EmbeddingReply"}}, .failures = model_failures, .parameters = times};
  notes["POST /messages"] = {.replies = {{"MessagesReply"}, {"MessagesEvent", events}},
                             .failures = model_failures,
                             .parameters = times};
  notes["POST /messages/count_tokens"] = {.replies = {{"CountTokensReply"}},
                                          .failures = token_failures};
  notes["POST /responses"] = {.replies = {{"ResponsesReply"}, {"ResponsesEvent", events}},
                              .failures = model_failures,
                              .parameters = times};
  notes["POST /responses/input_tokens"] = {.replies = {{"InputTokensReply"}},
                                           .failures = token_failures};
  notes["GET /responses/{id}"] = {.replies = {{"ResponsesReply"}}, .failures = {404}};
  notes["DELETE /responses/{id}"] = {.replies = {{"DeletedReply"}}, .failures = {404}};
  notes["GET /responses/{id}/input_items"] = {
      .replies = {{"InputItemsReply"}},
      .failures = {404, 422},
      .parameters = {{"limit", "Items of a page; 20 when it is left out.", integer(1, 100)},
                     {"order", "desc when it is left out.", word({"asc", "desc"})},
                     {"after", "The item that the page before this one ended with.", text()}}};
  notes["POST /api/chat"] = {.replies = {{"OllamaChatReply"}, {"OllamaChatReply", lines}},
                             .failures = model_failures,
                             .parameters = times};
  notes["POST /api/generate"] = {
      .replies = {{"OllamaGenerateReply"}, {"OllamaGenerateReply", lines}},
      .failures = model_failures,
      .parameters = times};
  notes["POST /api/embed"] = {
      .replies = {{"OllamaEmbedReply"}}, .failures = model_failures, .parameters = times};
  notes["GET /api/tags"] = {.replies = {{"OllamaTagsReply"}}};
  notes["GET /api/ps"] = {.replies = {{"OllamaRunningReply"}}};
  notes["POST /api/show"] = {.replies = {{"OllamaShowReply"}}, .failures = name_failures};
  notes["GET /api/version"] = {.replies = {{"VersionReply"}}};
}

void add_models_and_tokens(Notes& notes) {
  notes["GET /models"] = {.replies = {{"ModelsReply"}}};
  notes["GET /models/{model*}"] = {.replies = {{"ModelReply"}}, .failures = name_failures};
  notes["GET /version"] = {.replies = {{"VersionReply"}}};
  notes["GET /props"] = {.replies = {{"PropsReply"}}, .failures = {402}};
  notes["GET /user/balance"] = {.replies = {{"BalanceReply"}}};
  notes["POST /tokenize"] = {.replies = {{"TokenizeReply"}}, .failures = token_failures};
  notes["POST /detokenize"] = {.replies = {{"DetokenizeReply"}}, .failures = token_failures};
  notes["POST /apply-template"] = {.replies = {{"TemplateReply"}}, .failures = token_failures};
  notes["GET /tokenizer_info"] = {
      .replies = {{"TokenizerReply"}}, .failures = {402, 404}, .parameters = {model_query()}};
}

void add_files_and_batches(Notes& notes) {
  notes["POST /files"] = {
      .replies = {{"FileReply"}}, .failures = store_failures, .form = "FileUpload"};
  notes["GET /files"] = {
      .replies = {{"FilesReply"}},
      .failures = {404, 422, 501},
      .parameters = list_query({{"purpose", "Files of this purpose alone.", text()}})};
  notes["GET /files/{file_id}"] = {.replies = {{"FileReply"}}, .failures = entry_failures};
  notes["GET /files/{file_id}/content"] = {.replies = {{"", bytes}}, .failures = entry_failures};
  notes["DELETE /files/{file_id}"] = {.replies = {{"DeletedReply"}}, .failures = entry_failures};
  notes["POST /batches"] = {.replies = {{"BatchReply"}}, .failures = entry_failures};
  notes["GET /batches"] = {
      .replies = {{"BatchesReply"}}, .failures = {404, 422, 501}, .parameters = list_query()};
  notes["GET /batches/{batch_id}"] = {.replies = {{"BatchReply"}}, .failures = entry_failures};
  notes["POST /batches/{batch_id}/cancel"] = {.replies = {{"BatchReply"}},
                                              .failures = {404, 409, 501}};
}

void add_page(Notes& notes, const std::vector<ParameterNote>& times) {
  notes["GET /"] = {.replies = {{"", "text/html"}, {.media = "", .status = 304}}};
  notes["GET /assets/{name}"] = {.replies = {{"", "*/*"}, {.media = "", .status = 304}},
                                 .failures = {404}};
  notes["GET /web/session"] = {.replies = {{"SessionReply"}}};
  notes["GET /web/chats"] = {
      .replies = {{"PageChatsReply"}},
      .parameters = {{"after", "The chat that the page before this one ended with.", text()}}};
  notes["POST /web/chats"] = {.replies = {{.schema = "PageChatReply", .status = 201}},
                              .failures = {409}};
  notes["DELETE /web/chats"] = {.replies = {{"RemovedReply"}}};
  notes["GET /web/chats/{chat}"] = {.replies = {{"PageTreeReply"}}, .failures = {404}};
  notes["PATCH /web/chats/{chat}"] = {.replies = {{"PageChatReply"}}, .failures = {404, 409}};
  notes["DELETE /web/chats/{chat}"] = {.replies = {{"RemovedReply"}}, .failures = {404}};
  notes["POST /web/chats/{chat}/messages"] = {
      .replies = {{.schema = "PageMessageReply", .status = 201}}, .failures = {404, 409}};
  notes["GET /web/search"] = {
      .replies = {{"SearchReply"}},
      .parameters = {{"q", "Words that a message or title holds.", text()}}};
  notes["POST /web/chats/{chat}/answers"] = {.replies = {{"PageAnswerEvent", events}},
                                             .failures = {402, 404, 409, 429},
                                             .parameters = times};
  notes["GET /web/answers/{answer}"] = {.replies = {{"PageAnswerEvent", events}},
                                        .failures = {404, 410}};
  notes["POST /web/answers/{answer}/stop"] = {.replies = {{"StoppingReply"}}, .failures = {404}};
  notes["GET /web/operator"] = {
      .replies = {{"OperatorReply"}},
      .failures = {422},
      .parameters = {{"days", "Days of spending; 30 when it is left out.", integer(1, 366)}}};
}

void add_operations(Notes& notes) {
  notes["GET /health"] = {.replies = {{"ProbeReply"}}};
  notes["GET /ready"] = {.replies = {{"ProbeReply"}}};
  notes["GET /startup"] = {
      .replies = {{"StartupReply"}, {.schema = "StartupReply", .status = 503}}};
  notes["GET /metrics"] = {.replies = {{"", "text/plain"}}};
  notes["GET /openapi.json"] = {.replies = {{""}}};
}

/// A route's note is that of its path without what the paths to one handler differ in.
std::string key_of(const Route& route) {
  std::string_view path = route.pattern;
  for (const std::string_view prefix : {"/anthropic/v1/", "/v1/", "/beta/"})
    if (path.starts_with(prefix)) {
      path.remove_prefix(prefix.size() - 1);
      break;
    }
  return route.method + " " + std::string(path);
}

}  // namespace

RouteNotes api_notes(const TimeLimits& limits) {
  const auto notes = std::make_shared<Notes>();
  const std::vector<ParameterNote> times = time_headers(limits);
  add_dialects(*notes, times);
  add_models_and_tokens(*notes);
  add_files_and_batches(*notes);
  add_page(*notes, times);
  add_operations(*notes);
  return [notes](const Route& route) -> const RouteNote* {
    const auto found = notes->find(key_of(route));
    return found == notes->end() ? nullptr : &found->second;
  };
}

}  // namespace deepseek::serve
