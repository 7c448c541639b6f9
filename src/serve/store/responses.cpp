// SPDX-License-Identifier: Apache-2.0
#include "serve/store/responses.h"

#include <algorithm>

#include "core/error.h"

namespace deepseek::store {
namespace {

constexpr int64_t largest_eviction = 1000;

}  // namespace

Responses::Responses(Database& database, Clock clock, ResponseLimits limits)
    : database_(database), clock_(std::move(clock)), limits_(limits) {}

void Responses::put(const std::string& key_id, const StoredResponse& response) {
  const auto size = int64_t(response.body.size());
  if (size > limits_.largest_bytes)
    fail(ErrorKind::out_of_memory, "response ", printable(response.id, 80), ": ", size,
         " bytes, at most ", limits_.largest_bytes, " are stored");
  database_.write(
      [&](Connection& connection) {
        connection.execute("DELETE FROM responses WHERE key_id = ? AND id = ?",
                           {key_id, response.id});
        connection.execute(
            "INSERT INTO responses (id, key_id, previous_id, body, size_bytes, created_at_ms, "
            "expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            {response.id, key_id, response.previous_id, Blob{response.body}, size,
             response.created_at_ms, response.created_at_ms + limits_.lifetime_ms});
        const Row sums = connection
                             .query(
                                 "SELECT COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) "
                                 "FROM responses WHERE key_id = ?",
                                 {key_id})
                             .at(0);
        int64_t count = sums.integer(0), bytes = sums.integer(1);
        if (count <= limits_.most_per_key && bytes <= limits_.most_bytes_per_key) return;
        for (const Row& row : connection.query(
                 "SELECT id, size_bytes FROM responses WHERE key_id = ? AND id <> ? ORDER BY "
                 "created_at_ms, id LIMIT ?",
                 {key_id, response.id, largest_eviction})) {
          if (count <= limits_.most_per_key && bytes <= limits_.most_bytes_per_key) break;
          connection.execute("DELETE FROM responses WHERE id = ?", {row.text(0)});
          --count;
          bytes -= row.integer(1);
        }
      },
      Durability::relaxed);
}

std::optional<StoredResponse> Responses::find(const std::string& key_id, const std::string& id) {
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query(
        "SELECT id, previous_id, body, created_at_ms FROM responses WHERE key_id = ? AND id = ? "
        "AND expires_at_ms > ?",
        {key_id, id, clock_()});
  });
  if (rows.empty()) return std::nullopt;
  const Row& row = rows[0];
  return StoredResponse{row.text(0), row.optional_text(1), row.bytes(2), row.integer(3)};
}

std::optional<std::vector<ResponseLink>> Responses::chain(const std::string& key_id,
                                                          const std::string& id, int64_t limit) {
  std::vector<ResponseLink> found;
  std::optional<std::string> next = id;
  while (next && int64_t(found.size()) < limit) {
    const Rows rows = database_.read([&](Connection& connection) {
      return connection.query(
          "SELECT previous_id, size_bytes FROM responses WHERE key_id = ? AND id = ? AND "
          "expires_at_ms > ?",
          {key_id, *next, clock_()});
    });
    if (rows.empty()) return std::nullopt;
    found.push_back({*next, rows[0].optional_text(0), rows[0].integer(1)});
    next = found.back().previous_id;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

bool Responses::remove(const std::string& key_id, const std::string& id) {
  return database_.write([&](Connection& connection) {
    return connection.execute("DELETE FROM responses WHERE key_id = ? AND id = ?", {key_id, id}) >
           0;
  });
}

void Responses::tidy() {
  database_.write(
      [&](Connection& connection) {
        connection.execute("DELETE FROM responses WHERE expires_at_ms <= ?", {clock_()});
      },
      Durability::relaxed);
}

}  // namespace deepseek::store
