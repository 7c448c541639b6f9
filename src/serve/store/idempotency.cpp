// SPDX-License-Identifier: Apache-2.0
#include "serve/store/idempotency.h"

#include <algorithm>

#include "core/error.h"
#include "core/utf8.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

constexpr size_t longest_key_bytes = 255;
constexpr int64_t largest_tidy_step = 1000;

using State = IdempotencyAnswer::State;

void drop(Connection& connection, const std::string& key_id, const std::string& key) {
  connection.execute("DELETE FROM idempotency WHERE key_id = ? AND idempotency_key = ?",
                     {key_id, key});
}

}  // namespace

Idempotency::Idempotency(Database& database, const Owner& owner, Clock clock,
                         IdempotencyLimits limits)
    : database_(database), owner_(owner), clock_(std::move(clock)), limits_(limits) {}

IdempotencyAnswer Idempotency::begin(const std::string& key_id, const std::string& idempotency_key,
                                     std::string_view body) {
  if (idempotency_key.empty() || idempotency_key.size() > longest_key_bytes ||
      !is_valid_utf8(idempotency_key) || idempotency_key.find('\0') != idempotency_key.npos)
    fail(ErrorKind::invalid_input, "Idempotency-Key: expected 1 to ", longest_key_bytes,
         " bytes of text");
  const std::string body_hash = sha256(body);
  const int64_t now_ms = clock_();
  return database_.write(
      [&](Connection& connection) -> IdempotencyAnswer {
        const Rows rows = connection.query(
            "SELECT body_hash, owner, state, status, headers, reply, created_at_ms FROM "
            "idempotency WHERE key_id = ? AND idempotency_key = ?",
            {key_id, idempotency_key});
        if (!rows.empty()) {
          const Row& row = rows[0];
          const bool running = row.text(2) == "running";
          const bool over = running ? !owner_.living(connection).contains(row.text(1))
                                    : row.integer(6) + limits_.lifetime_ms <= now_ms;
          if (!over) {
            if (row.bytes(0) != body_hash) return {State::conflict, {}};
            if (running) return {State::in_progress, {}};
            if (row.text(2) == "not_kept") return {State::not_kept, {}};
            return {State::stored, {row.integer(3), row.text(4), row.bytes(5)}};
          }
          drop(connection, key_id, idempotency_key);
        }
        connection.execute(
            "INSERT INTO idempotency (key_id, idempotency_key, body_hash, owner, state, status, "
            "headers, reply, size_bytes, created_at_ms) VALUES (?, ?, ?, ?, 'running', 0, '', ?, "
            "0, ?)",
            {key_id, idempotency_key, Blob{body_hash}, owner_.id(), Blob{}, now_ms});
        return {State::started, {}};
      },
      Durability::relaxed);
}

void Idempotency::finish(const std::string& key_id, const std::string& idempotency_key,
                         const StoredReply& reply) {
  const bool running = database_.write(
      [&](Connection& connection) { return finish(connection, key_id, idempotency_key, reply); },
      Durability::relaxed);
  if (!running)
    fail(ErrorKind::internal, "idempotency: '", printable(idempotency_key, 60),
         "' was not begun here");
}

bool Idempotency::finish(Connection& connection, const std::string& key_id,
                         const std::string& idempotency_key, const StoredReply& reply) {
  const auto size = int64_t(reply.body.size());
  const bool kept = size <= limits_.largest_reply_bytes;
  const int64_t changed = connection.execute(
      "UPDATE idempotency SET state = ?, status = ?, headers = ?, reply = ?, size_bytes = ?, "
      "created_at_ms = ? WHERE key_id = ? AND idempotency_key = ? AND state = 'running' AND "
      "owner = ?",
      {kept ? "stored" : "not_kept", reply.status, kept ? reply.headers : std::string(),
       Blob{kept ? reply.body : std::string()}, kept ? size : 0, clock_(), key_id, idempotency_key,
       owner_.id()});
  return changed == 1;
}

void Idempotency::abandon(const std::string& key_id, const std::string& idempotency_key) {
  database_.write(
      [&](Connection& connection) {
        connection.execute(
            "DELETE FROM idempotency WHERE key_id = ? AND idempotency_key = ? AND state = "
            "'running' AND owner = ?",
            {key_id, idempotency_key, owner_.id()});
      },
      Durability::relaxed);
}

void Idempotency::tidy() {
  const int64_t now_ms = clock_();
  database_.write(
      [&](Connection& connection) {
        connection.execute(
            "DELETE FROM idempotency WHERE state <> 'running' AND created_at_ms <= ?",
            {now_ms - limits_.lifetime_ms});
        const Row sums = connection
                             .query(
                                 "SELECT COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) "
                                 "FROM idempotency")
                             .at(0);
        int64_t records = sums.integer(0), bytes = sums.integer(1);
        for (const Row& row : connection.query(
                 "SELECT key_id, idempotency_key, size_bytes FROM idempotency WHERE state <> "
                 "'running' ORDER BY created_at_ms LIMIT ?",
                 {largest_tidy_step})) {
          if (records <= limits_.most_records && bytes <= limits_.largest_total_bytes) break;
          drop(connection, row.text(0), row.text(1));
          --records;
          bytes -= row.integer(2);
        }
      },
      Durability::relaxed);
}

}  // namespace deepseek::store
