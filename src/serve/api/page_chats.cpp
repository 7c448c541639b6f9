// SPDX-License-Identifier: Apache-2.0
#include "serve/api/page.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t page_of_chats = 50;
constexpr int64_t page_of_hits = 50;
constexpr int64_t settings_bytes = 128 << 10;
constexpr int64_t message_bytes = 8 << 20;

ordered_json chat_json(const store::Conversation& chat) {
  ordered_json settings = ordered_json::parse(chat.settings, nullptr, false);
  if (!settings.is_object()) settings = ordered_json::object();
  return {{"id", chat.id},
          {"title", chat.title},
          {"settings", std::move(settings)},
          {"created_at_ms", chat.created_at_ms},
          {"updated_at_ms", chat.updated_at_ms}};
}

std::string chat_id(const HttpRequest& http) { return std::string(http.path_value("chat")); }

store::Conversation existing_chat(store::History& history, const HttpRequest& http) {
  auto chat = history.find(page_owner(http), chat_id(http));
  if (!chat) refuse_param(404, "chat", "there is no such chat");
  return *std::move(chat);
}

std::string query_text(const HttpRequest& http, std::string_view name) {
  const std::string* const value = http.query_value(name);
  return value ? *value : std::string();
}

std::optional<std::string> dumped(const json& body, const char* name) {
  const auto at = body.find(name);
  if (at == body.end()) return std::nullopt;
  return at->dump(-1, ' ', false, json::error_handler_t::replace);
}

HttpReply list_chats(Page& page, const HttpRequest& http) {
  ordered_json list = ordered_json::array();
  for (const store::Conversation& chat :
       page.history(http).list(page_owner(http), query_text(http, "after"), page_of_chats))
    list.push_back(chat_json(chat));
  const bool more = static_cast<int64_t>(list.size()) == page_of_chats;
  return json_reply(ordered_json{{"chats", std::move(list)}, {"more", more}}.dump());
}

HttpReply create_chat(Page& page, const HttpRequest& http) {
  const json body = checked_body(http, "PageChat", page.api()->schemas);
  const store::Conversation made = with_history("chat", [&] {
    return page.history(http).create(page_owner(http), body.value("title", ""),
                                     dumped(body, "settings").value_or("{}"));
  });
  return json_reply(chat_json(made).dump(), 201);
}

HttpReply show_chat(Page& page, const HttpRequest& http) {
  store::History& history = page.history(http);
  const store::Conversation chat = existing_chat(history, http);
  ordered_json shown = chat_json(chat);
  shown["messages"] = ordered_json::array();
  for (const store::ChatMessage& message : history.messages(page_owner(http), chat.id))
    shown["messages"].push_back(page_message(message));
  return json_reply(shown.dump());
}

HttpReply change_chat(Page& page, const HttpRequest& http) {
  const json body = checked_body(http, "PageChat", page.api()->schemas);
  const store::Conversation changed = with_history("chat", [&] {
    return page.history(http).change(page_owner(http), chat_id(http),
                                     field<std::string>(body, "title"), dumped(body, "settings"));
  });
  return json_reply(chat_json(changed).dump());
}

HttpReply remove_chat(Page& page, const HttpRequest& http) {
  if (!page.history(http).remove(page_owner(http), chat_id(http)))
    refuse_param(404, "chat", "there is no such chat");
  return json_reply(R"({"removed":1})");
}

HttpReply remove_chats(Page& page, const HttpRequest& http) {
  const int64_t removed = page.history(http).remove_all(page_owner(http));
  return json_reply(ordered_json{{"removed", removed}}.dump());
}

HttpReply add_message(Page& page, const HttpRequest& http) {
  const json body = checked_body(http, "PageMessage", page.api()->schemas);
  store::ChatMessage message;
  message.parent_id = field<std::string>(body, "parent_id");
  message.role = body["role"];
  message.content = body["content"];
  message.reasoning = body.value("reasoning", "");
  message.details = dumped(body, "details").value_or("{}");
  store::History& history = page.history(http);
  existing_chat(history, http);
  const store::ChatMessage added = with_history("parent_id", [&] {
    return history.add(page_owner(http), chat_id(http), std::move(message));
  });
  return json_reply(page_message(added).dump(), 201);
}

HttpReply search_chats(Page& page, const HttpRequest& http) {
  ordered_json hits = ordered_json::array();
  for (const store::SearchHit& hit :
       page.history(http).search(page_owner(http), query_text(http, "q"), page_of_hits))
    hits.push_back({{"chat_id", hit.conversation_id},
                    {"title", hit.title},
                    {"message_id", hit.message_id},
                    {"role", hit.role},
                    {"excerpt", hit.excerpt},
                    {"created_at_ms", hit.created_at_ms}});
  return json_reply(ordered_json{{"hits", std::move(hits)}}.dump());
}

}  // namespace

void add_page_chat_routes(Router& router, const std::shared_ptr<Page>& page) {
  const auto add = [&](const char* method, const char* pattern,
                       HttpReply (*answer)(Page&, const HttpRequest&), RouteOptions options) {
    router.add(
        Route(method, pattern, Access::scope(history_scope),
              answering([page, answer](const HttpRequest& http) { return answer(*page, http); }),
              std::move(options)));
  };
  add("GET", "/web/chats", list_chats, {.summary = "Chats of the key, latest changed first"});
  add("POST", "/web/chats", create_chat,
      {.body_limit_bytes = settings_bytes,
       .summary = "Begins a chat",
       .request_schema = "PageChat"});
  add("DELETE", "/web/chats", remove_chats, {.summary = "Deletes every chat of the key"});
  add("GET", "/web/chats/{chat}", show_chat, {.summary = "A chat with the tree of its messages"});
  add("PATCH", "/web/chats/{chat}", change_chat,
      {.body_limit_bytes = settings_bytes,
       .summary = "Changes title or settings",
       .request_schema = "PageChat"});
  add("DELETE", "/web/chats/{chat}", remove_chat, {.summary = "Deletes a chat"});
  add("POST", "/web/chats/{chat}/messages", add_message,
      {.body_limit_bytes = message_bytes,
       .summary = "Adds a message below its parent",
       .request_schema = "PageMessage"});
  add("GET", "/web/search", search_chats,
      {.heavy = true, .summary = "Messages and titles that hold all words"});
}

}  // namespace deepseek::serve
