// SPDX-License-Identifier: Apache-2.0
// What the web page is answered with.
#include "serve/api/reply_schemas.h"
#include "serve/api/reply_terms.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using namespace reply_terms;

json chat_fields() {
  return {{"id", text()},
          {"title", text()},
          {"settings", object()},
          {"created_at_ms", whole()},
          {"updated_at_ms", whole()}};
}

json price() {
  return record({{"currency", text()},
                 {"hit_micro", whole()},
                 {"miss_micro", whole()},
                 {"output_micro", whole()}});
}

json load() {
  const json cache = record({{"total_pages", whole()},
                             {"used_pages", whole()},
                             {"cached_pages", whole()},
                             {"disk_bytes", or_null(whole())},
                             {"query_tokens", whole()},
                             {"memory_hit_tokens", whole()},
                             {"disk_hit_tokens", whole()}});
  json fields = {
      {"model", text()}, {"fingerprint", text()}, {"model_seconds", number()}, {"cache", cache}};
  for (const char* count :
       {"context_length", "running_requests", "waiting_requests", "waiting_tokens", "submitted",
        "refused", "preemptions", "prompt_tokens", "generation_tokens", "steps"})
    fields[count] = whole();
  return record(std::move(fields));
}

json key() {
  return record({{"id", text()},
                 {"name", text()},
                 {"shown", text()},
                 {"state", text()},
                 {"scopes", list(text())},
                 {"models", list(text())},
                 {"expires_at_ms", or_null(whole())},
                 {"requests_per_minute", or_null(whole())},
                 {"tokens_per_minute", or_null(whole())},
                 {"concurrency", or_null(whole())},
                 {"created_at_ms", whole()},
                 {"balance", or_null(record({{"currency", text()},
                                             {"prepaid", truth()},
                                             {"total", text()},
                                             {"reserved", text()}}))}});
}

json spending() {
  return record({{"key_id", text()},
                 {"model", text()},
                 {"currency", text()},
                 {"requests", whole()},
                 {"hit_tokens", whole()},
                 {"miss_tokens", whole()},
                 {"output_tokens", whole()},
                 {"cost", text()}});
}

}  // namespace

void add_page_replies(SchemaSet& schemas) {
  schemas.add("SessionReply", record({{"guarded", truth()},
                                      {"key", or_null(text())},
                                      {"operator", truth()},
                                      {"history", word({"none", "kept", "until_the_server_stops"})},
                                      {"models", list(record({{"id", text()},
                                                              {"context_length", whole()},
                                                              {"thinks", truth()},
                                                              {"thinking_can_be_set", truth()},
                                                              {"price", or_null(price())}}))}}));
  schemas.add("PageMessageReply", record({{"id", text()},
                                          {"parent_id", or_null(text())},
                                          {"role", word({"user", "assistant"})},
                                          {"content", text()},
                                          {"reasoning", text()},
                                          {"details", object()},
                                          {"created_at_ms", whole()}}));
  schemas.add("PageChatReply", record(chat_fields()));
  json tree = chat_fields();
  tree["messages"] = list(ref("PageMessageReply"));
  schemas.add("PageTreeReply", record(std::move(tree)));
  schemas.add("PageChatsReply", record({{"chats", list(ref("PageChatReply"))}, {"more", truth()}}));
  schemas.add("RemovedReply", record({{"removed", whole()}}));
  schemas.add("SearchReply", record({{"hits", list(record({{"chat_id", text()},
                                                           {"title", text()},
                                                           {"message_id", text()},
                                                           {"role", text()},
                                                           {"excerpt", text()},
                                                           {"created_at_ms", whole()}}))}}));
  const json message = ref("PageMessageReply");
  schemas.add("PageAnswerEvent",
              any_of({record({{"answer", text()}, {"message", message}, {"model", text()}}),
                      record({{"ahead", whole()}}),
                      record({{"total", whole()}, {"cached", whole()}, {"processed", whole()}}),
                      record({{"tokens", whole()}}, {{"content", text()}, {"reasoning", text()}}),
                      record({{"message", message}})}));
  schemas.add("StoppingReply", record({{"stopping", only(true)}}));
  schemas.add("OperatorReply", record({{"load", list(load())},
                                       {"keys", or_null(list(key()))},
                                       {"spending", or_null(list(spending()))}}));
}

}  // namespace deepseek::serve
