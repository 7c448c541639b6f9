// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "serve/api/api.h"
#include "serve/http/replay.h"
#include "serve/store/history.h"

namespace deepseek::serve {

class PageAnswer;

/// The scope that chats need.
inline constexpr const char* history_scope = "history";

/// What the web page has beside the API: chats that the server keeps for each key, and answers that
/// go on while the page is reloaded.
class Page {
 public:
  /// Chats are kept in the store of `api`'s accounts, or in memory where there is none. `alone`:
  /// only this machine reaches the server, so that who comes without a key is one person.
  Page(std::shared_ptr<ApiContext> api, bool alone);

  const std::shared_ptr<ApiContext>& api() const { return api_; }
  /// Whether chats outlive the server.
  bool keeps() const { return memory_ == nullptr; }
  bool has_history(const HttpRequest& http) const;
  /// Chats of the request's key. Throws RequestError 403 for who has none where strangers may come.
  store::History& history(const HttpRequest& http);
  /// Writes down how far an answer is.
  void keep(const std::string& owner, const store::ChatMessage& message) {
    history_->rewrite(owner, message);
  }

  ReplayStore& replays() { return replays_; }
  void add(const std::string& id, const std::shared_ptr<PageAnswer>& answer);
  void remove(const std::string& id);
  /// Null when it is over or never was.
  std::shared_ptr<PageAnswer> answer(const std::string& id);

 private:
  std::shared_ptr<ApiContext> api_;
  bool alone_;
  std::unique_ptr<store::Database> memory_;
  std::unique_ptr<store::History> memory_history_;
  store::History* history_;
  ReplayStore replays_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<PageAnswer>> answers_;
};

/// Routes under /web for the page: who it speaks for, chats, answers, and the operator's overview.
void add_page_routes(Router& router, const std::shared_ptr<Page>& page);
void add_page_chat_routes(Router& router, const std::shared_ptr<Page>& page);
void add_page_answer_routes(Router& router, const std::shared_ptr<Page>& page);
void add_page_operator_routes(Router& router, const std::shared_ptr<Page>& page);

/// Adds the schemas of their bodies.
void add_page_schemas(SchemaSet& schemas);

/// The chat's owner, as the store knows it.
const std::string& page_owner(const HttpRequest& http);
/// A message as the page reads it.
nlohmann::ordered_json page_message(const store::ChatMessage& message);

/// Calls `work` on a history. What is not there becomes RequestError 404 naming `missing`, a
/// history that is full 409.
template <class Work>
auto with_history(const char* missing, const Work& work) {
  try {
    return work();
  } catch (const RequestError&) {
    throw;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found)
      throw RequestError(404, error.what(), {.param = missing});
    if (error.kind() != ErrorKind::out_of_memory) throw;
    throw RequestError(409, error.what(), {.code = "history_full", .should_retry = false});
  }
}

}  // namespace deepseek::serve
