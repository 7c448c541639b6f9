// SPDX-License-Identifier: Apache-2.0
#include "serve/store/history.h"

#include <algorithm>

#include "core/error.h"
#include "core/utf8.h"
#include "serve/store/digest.h"
#include "serve/store/search_words.h"

namespace deepseek::store {
namespace {

constexpr int64_t most_chats_listed = 1000;

#define CONVERSATION_COLUMNS "id, title, settings, created_at_ms, updated_at_ms"
#define MESSAGE_COLUMNS "id, parent_id, role, content, reasoning, details, created_at_ms"

Conversation conversation_of(const Row& row) {
  return {row.text(0), row.text(1), row.text(2), row.integer(3), row.integer(4)};
}

ChatMessage message_of(const Row& row) {
  return {row.text(0), row.optional_text(1), row.text(2),   row.text(3),
          row.text(4), row.text(5),          row.integer(6)};
}

Conversation read(Connection& connection, const std::string& key_id, const std::string& id) {
  const Rows rows = connection.query("SELECT " CONVERSATION_COLUMNS
                                     " FROM conversations WHERE key_id = ? AND id = ?",
                                     {key_id, id});
  if (rows.empty())
    fail(ErrorKind::not_found, "conversation ", printable(id, 80), ": no such conversation");
  return conversation_of(rows[0]);
}

int64_t size_of(const ChatMessage& message) {
  return int64_t(message.content.size() + message.reasoning.size() + message.details.size());
}

int64_t size_of(const Conversation& conversation) {
  return int64_t(conversation.title.size() + conversation.settings.size());
}

void remove_one(Connection& connection, const std::string& id) {
  connection.execute("DELETE FROM messages WHERE conversation_id = ?", {id});
  connection.execute("DELETE FROM conversations WHERE id = ?", {id});
}

}  // namespace

std::string storable_text(const std::string& text) {
  std::string stored = replace_invalid_utf8(text);
  if (stored.find('\0') == stored.npos) return stored;
  std::string readable;
  for (const char c : stored) c == '\0' ? readable += "\uFFFD" : readable += c;
  return readable;
}

History::History(Database& database, Clock clock, const HistoryLimits& limits, Database* searches)
    : database_(database),
      searches_(searches ? *searches : database),
      clock_(std::move(clock)),
      limits_(limits) {}

/// Counts bytes that a conversation has more.
void History::grow(Connection& connection, const std::string& key_id,
                   const std::string& conversation_id, int64_t bytes) const {
  const int64_t held = connection
                           .query(
                               "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM "
                               "conversations WHERE key_id = ?",
                               {key_id})
                           .at(0)
                           .integer(0);
  if (bytes > 0 && held + bytes > limits_.bytes_of_a_key)
    fail(ErrorKind::out_of_memory, "chats: this key keeps ", held, " bytes of ",
         limits_.bytes_of_a_key, ", and this takes ", bytes, " more; delete some chats");
  connection.execute("UPDATE conversations SET size_bytes = size_bytes + ? WHERE id = ?",
                     {bytes, conversation_id});
}

Conversation History::create(const std::string& key_id, const std::string& title,
                             const std::string& settings_json) {
  const int64_t now_ms = clock_();
  const Conversation made{make_id("conv_"), storable_text(title), storable_text(settings_json),
                          now_ms, now_ms};
  database_.write(
      [&](Connection& connection) {
        const int64_t held =
            connection.query("SELECT COUNT(*) FROM conversations WHERE key_id = ?", {key_id})
                .at(0)
                .integer(0);
        if (held >= limits_.conversations_of_a_key)
          fail(ErrorKind::out_of_memory, "chats: this key keeps ", held,
               ", which is the most; delete some");
        connection.execute("INSERT INTO conversations (key_id, " CONVERSATION_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?)",
                           {key_id, made.id, made.title, made.settings, now_ms, now_ms});
        grow(connection, key_id, made.id, size_of(made));
      },
      Durability::relaxed);
  return made;
}

std::optional<Conversation> History::find(const std::string& key_id, const std::string& id) {
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query("SELECT " CONVERSATION_COLUMNS
                            " FROM conversations WHERE key_id = ? AND id = ?",
                            {key_id, id});
  });
  if (rows.empty()) return std::nullopt;
  return conversation_of(rows[0]);
}

std::vector<Conversation> History::list(const std::string& key_id, const std::string& after,
                                        int64_t limit) {
  int64_t before_ms = INT64_MAX;
  if (!after.empty())
    if (const auto last = find(key_id, after)) before_ms = last->updated_at_ms;
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query(
        "SELECT " CONVERSATION_COLUMNS
        " FROM conversations WHERE key_id = ? AND (updated_at_ms < ? OR (updated_at_ms = ? AND id "
        "< ?)) ORDER BY updated_at_ms DESC, id DESC LIMIT ?",
        {key_id, before_ms, before_ms, after, std::clamp<int64_t>(limit, 1, most_chats_listed)});
  });
  std::vector<Conversation> conversations;
  conversations.reserve(rows.size());
  for (const Row& row : rows) conversations.push_back(conversation_of(row));
  return conversations;
}

Conversation History::change(const std::string& key_id, const std::string& id,
                             const std::optional<std::string>& title,
                             const std::optional<std::string>& settings_json) {
  return database_.write(
      [&](Connection& connection) {
        Conversation changed = read(connection, key_id, id);
        const int64_t former_bytes = size_of(changed);
        if (title) changed.title = storable_text(*title);
        if (settings_json) changed.settings = storable_text(*settings_json);
        changed.updated_at_ms = clock_();
        grow(connection, key_id, id, size_of(changed) - former_bytes);
        connection.execute(
            "UPDATE conversations SET title = ?, settings = ?, updated_at_ms = ? WHERE id = ?",
            {changed.title, changed.settings, changed.updated_at_ms, id});
        return changed;
      },
      Durability::relaxed);
}

bool History::remove(const std::string& key_id, const std::string& id) {
  return database_.write([&](Connection& connection) {
    const Rows rows =
        connection.query("SELECT id FROM conversations WHERE key_id = ? AND id = ?", {key_id, id});
    if (!rows.empty()) remove_one(connection, id);
    return !rows.empty();
  });
}

int64_t History::remove_all(const std::string& key_id) {
  return database_.write([&](Connection& connection) {
    const Rows rows = connection.query("SELECT id FROM conversations WHERE key_id = ?", {key_id});
    for (const Row& row : rows) remove_one(connection, row.text(0));
    return int64_t(rows.size());
  });
}

ChatMessage History::add(const std::string& key_id, const std::string& conversation_id,
                         ChatMessage message) {
  message.id = make_id("msg_");
  message.created_at_ms = clock_();
  for (std::string* text : {&message.role, &message.content, &message.reasoning, &message.details})
    *text = storable_text(*text);
  database_.write(
      [&](Connection& connection) {
        read(connection, key_id, conversation_id);
        if (message.parent_id &&
            connection
                .query("SELECT id FROM messages WHERE id = ? AND conversation_id = ?",
                       {*message.parent_id, conversation_id})
                .empty())
          fail(ErrorKind::not_found, "message ", printable(*message.parent_id, 80),
               ": no such message in this conversation");
        const int64_t held =
            connection
                .query("SELECT COUNT(*) FROM messages WHERE conversation_id = ?", {conversation_id})
                .at(0)
                .integer(0);
        if (held >= limits_.messages_of_a_conversation)
          fail(ErrorKind::out_of_memory, "chats: this one has ", held,
               " messages, which is the most; begin another");
        grow(connection, key_id, conversation_id, size_of(message));
        const int64_t number =
            connection.query("SELECT COALESCE(MAX(number), 0) + 1 FROM messages").at(0).integer(0);
        connection.execute(
            "INSERT INTO messages (number, conversation_id, " MESSAGE_COLUMNS
            ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            {number, conversation_id, message.id, message.parent_id, message.role, message.content,
             message.reasoning, message.details, message.created_at_ms});
        connection.execute("UPDATE conversations SET updated_at_ms = ? WHERE id = ?",
                           {message.created_at_ms, conversation_id});
      },
      Durability::relaxed);
  return message;
}

void History::rewrite(const std::string& key_id, const ChatMessage& message) {
  ChatMessage stored = message;
  for (std::string* text : {&stored.content, &stored.reasoning, &stored.details})
    *text = storable_text(*text);
  database_.write(
      [&](Connection& connection) {
        const Rows rows = connection.query(
            "SELECT m.conversation_id, m.content, m.reasoning, m.details FROM messages m JOIN "
            "conversations c ON c.id = m.conversation_id WHERE m.id = ? AND "
            "c.key_id = ?",
            {message.id, key_id});
        if (rows.empty())
          fail(ErrorKind::not_found, "message ", printable(message.id, 80), ": no such message");
        ChatMessage former;
        former.content = rows[0].text(1);
        former.reasoning = rows[0].text(2);
        former.details = rows[0].text(3);
        grow(connection, key_id, rows[0].text(0), size_of(stored) - size_of(former));
        connection.execute(
            "UPDATE messages SET content = ?, reasoning = ?, details = ? WHERE id = ?",
            {stored.content, stored.reasoning, stored.details, message.id});
      },
      Durability::relaxed);
}

std::vector<ChatMessage> History::messages(const std::string& key_id,
                                           const std::string& conversation_id) {
  const Rows rows = database_.read([&](Connection& connection) {
    read(connection, key_id, conversation_id);
    return connection.query("SELECT " MESSAGE_COLUMNS
                            " FROM messages WHERE conversation_id = ? ORDER BY number",
                            {conversation_id});
  });
  std::vector<ChatMessage> messages;
  messages.reserve(rows.size());
  for (const Row& row : rows) messages.push_back(message_of(row));
  return messages;
}

std::vector<SearchHit> History::search(const std::string& key_id, const std::string& query,
                                       int64_t limit) {
  const std::vector<std::string> words = search_words(query);
  if (words.empty()) return {};
  const Dialect dialect = database_.dialect();
  limit = std::clamp<int64_t>(limit, 1, most_chats_listed);

  std::vector<Value> parameters{key_id};
  std::string sql =
      "SELECT c.id, c.title, m.id, m.role, m.content, m.created_at_ms FROM messages m JOIN "
      "conversations c ON c.id = m.conversation_id WHERE c.key_id = ?";
  sql += word_conditions(words, "m.content", "m.number", dialect, parameters);
  parameters.emplace_back(limit);
  const Rows found = searches_.read([&](Connection& connection) {
    return connection.query(sql + " ORDER BY m.number DESC LIMIT ?", parameters);
  });
  std::vector<SearchHit> hits;
  for (const Row& row : found)
    hits.push_back({row.text(0), row.text(1), row.text(2), row.text(3),
                    excerpt_around(row.text(4), words[0]), row.integer(5)});

  parameters = {key_id};
  sql = "SELECT id, title, created_at_ms FROM conversations WHERE key_id = ?";
  sql += word_conditions(words, "title", "", dialect, parameters);
  parameters.emplace_back(limit - int64_t(hits.size()));
  const Rows titles = searches_.read([&](Connection& connection) {
    return connection.query(sql + " ORDER BY updated_at_ms DESC LIMIT ?", parameters);
  });
  for (const Row& row : titles)
    hits.push_back({row.text(0), row.text(1), "", "", row.text(1), row.integer(2)});
  return hits;
}

}  // namespace deepseek::store
