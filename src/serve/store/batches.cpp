// SPDX-License-Identifier: Apache-2.0
#include "serve/store/batches.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

constexpr int64_t most_batches_listed = 1000;

#define BATCH_COLUMNS                                                                       \
  "id, key_id, endpoint, completion_window, input_file_id, output_file_id, error_file_id, " \
  "status, metadata, errors, total, completed, failed, created_at_ms, expires_at_ms, "      \
  "in_progress_at_ms, finalizing_at_ms, completed_at_ms, failed_at_ms, expired_at_ms, "     \
  "cancelling_at_ms, cancelled_at_ms"

#define IS_UNFINISHED "status IN ('validating', 'in_progress', 'finalizing', 'cancelling')"

struct Step {
  std::string_view from, to;
};
constexpr std::array steps{
    Step{"validating", "failed"},     Step{"validating", "in_progress"},
    Step{"validating", "cancelling"}, Step{"validating", "expired"},
    Step{"in_progress", "failed"},    Step{"in_progress", "finalizing"},
    Step{"in_progress", "expired"},   Step{"in_progress", "cancelling"},
    Step{"finalizing", "completed"},  Step{"finalizing", "failed"},
    Step{"cancelling", "cancelled"},
};

bool is_over(std::string_view status) {
  return std::none_of(steps.begin(), steps.end(),
                      [&](const Step& step) { return step.from == status; });
}

Batch batch_of(const Row& row) {
  Batch batch;
  batch.id = row.text(0);
  batch.key_id = row.text(1);
  batch.endpoint = row.text(2);
  batch.completion_window = row.text(3);
  batch.input_file_id = row.text(4);
  batch.output_file_id = row.optional_text(5);
  batch.error_file_id = row.optional_text(6);
  batch.status = row.text(7);
  batch.metadata = row.text(8);
  batch.errors = row.text(9);
  batch.total = row.integer(10);
  batch.completed = row.integer(11);
  batch.failed = row.integer(12);
  batch.created_at_ms = row.integer(13);
  batch.expires_at_ms = row.integer(14);
  batch.in_progress_at_ms = row.optional_integer(15);
  batch.finalizing_at_ms = row.optional_integer(16);
  batch.completed_at_ms = row.optional_integer(17);
  batch.failed_at_ms = row.optional_integer(18);
  batch.expired_at_ms = row.optional_integer(19);
  batch.cancelling_at_ms = row.optional_integer(20);
  batch.cancelled_at_ms = row.optional_integer(21);
  return batch;
}

BatchLine line_of(const Row& row) {
  return {row.integer(0), row.text(1), row.integer(2),
          row.integer(3), row.text(4), row.is_null(5) ? std::string() : row.bytes(5)};
}

}  // namespace

Batches::Batches(Database& database, const Owner& owner, Clock clock, BatchLimits limits)
    : database_(database), owner_(owner), clock_(std::move(clock)), limits_(limits) {}

std::optional<Batch> Batches::create(const std::string& key_id, const std::string& endpoint,
                                     const std::string& input_file_id,
                                     const std::string& metadata_json,
                                     const std::string& completion_window, int64_t lifetime_ms) {
  const std::string id = make_id("batch_");
  const int64_t now_ms = clock_();
  return database_.write([&](Connection& connection) -> std::optional<Batch> {
    const Rows unfinished = connection.query(
        "SELECT COUNT(*) FROM batches WHERE key_id = ? AND " IS_UNFINISHED, {key_id});
    if (unfinished[0].integer(0) >= limits_.unfinished_of_a_key) return std::nullopt;
    connection.execute(
        "INSERT INTO batches (id, key_id, endpoint, completion_window, input_file_id, status, "
        "owner, metadata, errors, total, completed, failed, created_at_ms, expires_at_ms) VALUES "
        "(?, ?, ?, ?, ?, 'validating', '', ?, '', 0, 0, 0, ?, ?)",
        {id, key_id, endpoint, completion_window, input_file_id, metadata_json, now_ms,
         now_ms + lifetime_ms});
    return read(connection, id);
  });
}

Batch Batches::read(Connection& connection, const std::string& id) {
  const Rows rows = connection.query("SELECT " BATCH_COLUMNS " FROM batches WHERE id = ?", {id});
  if (rows.empty()) fail(ErrorKind::not_found, "batch ", printable(id, 80), ": no such batch");
  return batch_of(rows[0]);
}

std::optional<Batch> Batches::find(const std::string& key_id, const std::string& id) {
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query("SELECT " BATCH_COLUMNS " FROM batches WHERE key_id = ? AND id = ?",
                            {key_id, id});
  });
  if (rows.empty()) return std::nullopt;
  return batch_of(rows[0]);
}

std::vector<Batch> Batches::list(const std::string& key_id, const std::string& after,
                                 int64_t limit) {
  int64_t before_ms = INT64_MAX;
  if (!after.empty())
    if (const auto last = find(key_id, after)) before_ms = last->created_at_ms;
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query(
        "SELECT " BATCH_COLUMNS
        " FROM batches WHERE key_id = ? AND (created_at_ms < ? OR "
        "(created_at_ms = ? AND id < ?)) ORDER BY created_at_ms DESC, id DESC "
        "LIMIT ?",
        {key_id, before_ms, before_ms, after, std::clamp<int64_t>(limit, 1, most_batches_listed)});
  });
  std::vector<Batch> batches;
  batches.reserve(rows.size());
  for (const Row& row : rows) batches.push_back(batch_of(row));
  return batches;
}

std::optional<Batch> Batches::claim(const std::map<std::string, int64_t>& open,
                                    int64_t most_of_a_key) {
  return database_.write([&](Connection& connection) -> std::optional<Batch> {
    const std::set<std::string> living = owner_.living(connection);
    std::optional<Batch> best;
    int64_t open_of_best = most_of_a_key;
    for (const Row& row :
         connection.query("SELECT " BATCH_COLUMNS ", owner FROM batches WHERE " IS_UNFINISHED
                          " ORDER BY created_at_ms, id")) {
      if (living.contains(row.text(22))) continue;
      const std::string& status = row.text(7);
      const bool ending =
          status == "finalizing" || status == "cancelling" || row.integer(14) <= clock_();
      const auto of_key = open.find(row.text(1));
      const int64_t open_of_this = ending ? -1 : of_key == open.end() ? 0 : of_key->second;
      if (open_of_this >= open_of_best) continue;
      best = batch_of(row);
      open_of_best = open_of_this;
    }
    if (best)
      connection.execute("UPDATE batches SET owner = ? WHERE id = ?", {owner_.id(), best->id});
    return best;
  });
}

void Batches::add_lines(const std::string& id, std::span<const BatchLine> lines) {
  database_.write(
      [&](Connection& connection) {
        const Batch batch = read(connection, id);
        if (batch.status != "validating" && batch.status != "cancelling")
          fail(ErrorKind::internal, "batch ", id, ": lines were added while ", batch.status);
        for (const BatchLine& line : lines)
          connection.execute(
              "INSERT INTO batch_lines (batch_id, line, custom_id, first_byte, size_bytes, state) "
              "VALUES (?, ?, ?, ?, ?, 'waiting') ON CONFLICT (batch_id, line) DO NOTHING",
              {id, line.line, line.custom_id, line.first_byte, line.size_bytes});
        connection.execute(
            "UPDATE batches SET total = (SELECT COUNT(*) FROM batch_lines WHERE batch_id = ?) "
            "WHERE id = ?",
            {id, id});
      },
      Durability::relaxed);
}

std::vector<BatchLine> Batches::lines(const std::string& id, std::string_view state, int64_t after,
                                      int64_t limit) {
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query(
        "SELECT line, custom_id, first_byte, size_bytes, state, result FROM batch_lines WHERE "
        "batch_id = ? AND state = ? AND line > ? ORDER BY line LIMIT ?",
        {id, state, after, limit});
  });
  std::vector<BatchLine> lines;
  lines.reserve(rows.size());
  for (const Row& row : rows) lines.push_back(line_of(row));
  return lines;
}

bool Batches::record(const std::string& id, int64_t line, bool succeeded, std::string_view result) {
  return database_.write(
      [&](Connection& connection) {
        const std::string_view state = succeeded ? "completed" : "failed";
        const int64_t changed = connection.execute(
            "UPDATE batch_lines SET state = ?, result = ? WHERE batch_id = ? AND line = ? AND "
            "state = 'waiting'",
            {state, Blob{std::string(result)}, id, line});
        if (changed == 0) return false;
        connection.execute(
            "UPDATE batches SET completed = completed + ?, failed = failed + ? WHERE id = ?",
            {succeeded, !succeeded, id});
        return true;
      },
      Durability::relaxed);
}

Batch Batches::move(const std::string& id, std::string_view status, const BatchEnd& end) {
  return database_.write([&](Connection& connection) {
    Batch batch = read(connection, id);
    if (batch.status == status) return batch;
    if (std::none_of(steps.begin(), steps.end(), [&](const Step& step) {
          return step.from == batch.status && step.to == status;
        }))
      fail(ErrorKind::invalid_input, "batch ", id, ": is ", batch.status, ", which ", status,
           " does not follow");
    // The name is one of the table above, so it may be part of the statement.
    connection.execute(concat("UPDATE batches SET status = ?, ", status,
                              "_at_ms = ?, output_file_id = COALESCE(?, output_file_id), "
                              "error_file_id = COALESCE(?, error_file_id), errors = COALESCE(?, "
                              "errors) WHERE id = ?"),
                       {status, clock_(), end.output_file_id, end.error_file_id, end.errors, id});
    return read(connection, id);
  });
}

Batch Batches::cancel(const std::string& key_id, const std::string& id) {
  const auto batch = find(key_id, id);
  if (!batch) fail(ErrorKind::not_found, "batch ", printable(id, 80), ": no such batch");
  if (is_over(batch->status))
    fail(ErrorKind::invalid_input, "batch ", id, ": is ", batch->status,
         " and cannot be cancelled");
  return move(id, "cancelling");
}

}  // namespace deepseek::store
