// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serve/store/database.h"

namespace deepseek::store {

struct Conversation {
  std::string id;  // "conv_…"
  std::string title;
  std::string settings;  // the page's JSON
  int64_t created_at_ms = 0, updated_at_ms = 0;
};

/// One message. Its parent is the message it answers or follows; several messages with one parent
/// are branches: edits of a question, or answers that were asked for again.
struct ChatMessage {
  std::string id;  // "msg_…"
  std::optional<std::string> parent_id;
  std::string role, content, reasoning;
  std::string details;  // the page's JSON: model, usage, attachments
  int64_t created_at_ms = 0;
};

struct SearchHit {
  std::string conversation_id, title;
  std::string message_id;  // empty: the title matched
  std::string role, excerpt;
  int64_t created_at_ms = 0;
};

struct HistoryLimits {
  int64_t conversations_of_a_key = 5000;
  int64_t messages_of_a_conversation = 2000;
  int64_t bytes_of_a_key = 256 << 20;
};

/// Text as it is kept: invalid UTF-8 and NUL, which PostgreSQL has not, become U+FFFD.
std::string storable_text(const std::string& text);

/// Chats of the web page, per key. Text is searched for any part of it, in any script.
class History {
 public:
  /// `searches`: another session of the same store, for search(); null: `database`.
  explicit History(Database& database, Clock clock = system_clock_ms,
                   const HistoryLimits& limits = {}, Database* searches = nullptr);

  /// Throws out_of_memory, as change, add and rewrite do, when the key's chats are too many or too
  /// large.
  Conversation create(const std::string& key_id, const std::string& title,
                      const std::string& settings_json);
  std::optional<Conversation> find(const std::string& key_id, const std::string& id);
  /// Latest changed first, after the conversation `after` where one is given.
  std::vector<Conversation> list(const std::string& key_id, const std::string& after,
                                 int64_t limit);
  /// Absent values stay. Throws not_found.
  Conversation change(const std::string& key_id, const std::string& id,
                      const std::optional<std::string>& title,
                      const std::optional<std::string>& settings_json);
  bool remove(const std::string& key_id, const std::string& id);
  /// All of a key; answers how many conversations.
  int64_t remove_all(const std::string& key_id);

  /// Adds a message; its id and time are made here. Throws not_found for a conversation or parent
  /// that is not there.
  ChatMessage add(const std::string& key_id, const std::string& conversation_id,
                  ChatMessage message);
  /// Replaces content, reasoning and details of a message, as an answer grows.
  void rewrite(const std::string& key_id, const ChatMessage& message);
  /// All branches, in the order they were added.
  std::vector<ChatMessage> messages(const std::string& key_id, const std::string& conversation_id);

  /// Messages and titles that hold every word of `query`, newest first. Letters match in either
  /// case (of ASCII at least); words need no blanks around them, so 你好 finds 他说你好.
  std::vector<SearchHit> search(const std::string& key_id, const std::string& query, int64_t limit);

 private:
  void grow(Connection& connection, const std::string& key_id, const std::string& conversation_id,
            int64_t bytes) const;

  Database& database_;
  Database& searches_;
  Clock clock_;
  HistoryLimits limits_;
};

}  // namespace deepseek::store
