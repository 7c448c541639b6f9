// SPDX-License-Identifier: Apache-2.0
#include "serve/api/page.h"

#include "serve/store/sqlite.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

/// Of a server without a store, whose chats end with it.
constexpr store::HistoryLimits memory_limits{
    .conversations_of_a_key = 1000, .messages_of_a_conversation = 2000, .bytes_of_a_key = 32 << 20};
/// A long answer is kept whole; one that nobody reads goes on for so long.
constexpr ReplayConfig replay_config{
    .stream_bytes = 8 << 20, .all_bytes = 128 << 20, .streams = 512, .ttl_ms = 600'000};

ordered_json price_json(const std::optional<store::Price>& price) {
  if (!price) return nullptr;
  return {{"currency", price->currency},
          {"hit_micro", price->tokens.hit},
          {"miss_micro", price->tokens.miss},
          {"output_micro", price->tokens.output}};
}

/// Whom the page speaks for and what it can offer them.
HttpReply session_page(Page& page, const HttpRequest& http) {
  const KeyHolder& holder = holder_of(http);
  const ApiContext& api = *page.api();
  ordered_json models = ordered_json::array();
  for (const auto& card : api.models->cards()) {
    const ReplyForm& form = card->text().reply_form;
    models.push_back(
        {{"id", card->name()},
         {"context_length", card->context_length()},
         {"thinks", form.thinks},
         {"thinking_can_be_set", form.thinking_can_be_set},
         {"price", price_json(holder.stored ? api.accounts->price(card->name()) : std::nullopt)}});
  }
  const bool guarded = api.accounts->guards();
  return json_reply(ordered_json{
      {"guarded", guarded},
      {"key", holder.key.name.empty() ? ordered_json(nullptr) : ordered_json(holder.key.name)},
      {"operator", holder.owner.empty() || holder.key.has_scope("admin")},
      {"history", !page.has_history(http) ? "none"
                  : page.keeps()          ? "kept"
                                          : "until_the_server_stops"},
      {"models", std::move(models)}}
                        .dump());
}

}  // namespace

const std::string& page_owner(const HttpRequest& http) { return holder_of(http).owner; }

ordered_json page_message(const store::ChatMessage& message) {
  ordered_json details = ordered_json::parse(message.details, nullptr, false);
  if (!details.is_object()) details = ordered_json::object();
  return {{"id", message.id},
          {"parent_id", message.parent_id ? ordered_json(*message.parent_id) : nullptr},
          {"role", message.role},
          {"content", message.content},
          {"reasoning", message.reasoning},
          {"details", std::move(details)},
          {"created_at_ms", message.created_at_ms}};
}

Page::Page(std::shared_ptr<ApiContext> api, bool alone)
    : api_(std::move(api)), alone_(alone), replays_(replay_config) {
  if (store::Store* const store = api_->accounts->store()) {
    history_ = &store->history;
    return;
  }
  memory_ = std::make_unique<store::Database>(store::open_sqlite(store::in_memory, 0));
  memory_history_ =
      std::make_unique<store::History>(*memory_, store::system_clock_ms, memory_limits);
  history_ = memory_history_.get();
}

bool Page::has_history(const HttpRequest& http) const {
  // Who has no key is asked for none, and may everything.
  if (page_owner(http).empty()) return alone_;
  return holder_of(http).key.has_scope(history_scope);
}

store::History& Page::history(const HttpRequest& http) {
  if (has_history(http)) return *history_;
  if (page_owner(http).empty())
    throw RequestError(403,
                       "chats are kept for keys; without one, strangers would read each other's",
                       {.code = "history_needs_a_key"});
  throw RequestError(
      403, concat("this API key keeps no chats: it lacks the scope '", history_scope, "'"),
      {.code = "scope_missing"});
}

void Page::add(const std::string& id, const std::shared_ptr<PageAnswer>& answer) {
  const std::lock_guard lock(mutex_);
  answers_[id] = answer;
}

void Page::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  answers_.erase(id);
}

std::shared_ptr<PageAnswer> Page::answer(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(id);
  return found == answers_.end() ? nullptr : found->second.lock();
}

void add_page_routes(Router& router, const std::shared_ptr<Page>& page) {
  router.add(Route("GET", "/web/session", Access::any_key(),
                   answering([page](const HttpRequest& http) { return session_page(*page, http); }),
                   {.summary = "What the web page may show to its key"}));
  add_page_chat_routes(router, page);
  add_page_answer_routes(router, page);
  add_page_operator_routes(router, page);
}

}  // namespace deepseek::serve
