// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/store/database.h"
#include "serve/store/owner.h"

namespace deepseek::store {

/// A batch as OpenAI's API shows it. States: validating, failed, in_progress, finalizing,
/// completed, expired, cancelling, cancelled.
struct Batch {
  std::string id;  // "batch_…"
  std::string key_id, endpoint, completion_window, input_file_id;
  std::optional<std::string> output_file_id, error_file_id;
  std::string status;
  std::string metadata, errors;  // JSON texts of the caller's
  int64_t total = 0, completed = 0, failed = 0;
  int64_t created_at_ms = 0, expires_at_ms = 0;
  std::optional<int64_t> in_progress_at_ms, finalizing_at_ms, completed_at_ms, failed_at_ms,
      expired_at_ms, cancelling_at_ms, cancelled_at_ms;
};

/// One request of a batch: where it stands in the input file, and what came of it.
struct BatchLine {
  int64_t line = 0;  // from 0
  std::string custom_id;
  int64_t first_byte = 0, size_bytes = 0;
  std::string state = "waiting";  // or "completed", "failed"
  std::string result = {};        // a line of the output or error file
};

/// What a change of state brings with it.
struct BatchEnd {
  std::optional<std::string> output_file_id = {}, error_file_id = {}, errors = {};
};

struct BatchLimits {
  int64_t unfinished_of_a_key = 64;
};

/// Batches and the result of each line, so that a server that is killed and started again goes on
/// where it was: a line is answered once.
class Batches {
 public:
  /// `owner` is this process and outlives this.
  Batches(Database& database, const Owner& owner, Clock clock = system_clock_ms,
          BatchLimits limits = {});

  const BatchLimits& limits() const { return limits_; }
  /// Absent where the key has as many unfinished ones as it may.
  std::optional<Batch> create(const std::string& key_id, const std::string& endpoint,
                              const std::string& input_file_id, const std::string& metadata_json,
                              const std::string& completion_window = "24h",
                              int64_t lifetime_ms = 24 * 3'600'000);
  std::optional<Batch> find(const std::string& key_id, const std::string& id);
  /// Newest first, after the batch `after` where one is given.
  std::vector<Batch> list(const std::string& key_id, const std::string& after, int64_t limit);

  /// The oldest unfinished batch that no living process works on, taken by this one. `open`: how
  /// many each key has open; keys with fewer come first, those with `most_of_a_key` not at all.
  /// What is cancelled, expired or finalizing comes in any case: little is left to do for it.
  std::optional<Batch> claim(const std::map<std::string, int64_t>& open = {},
                             int64_t most_of_a_key = INT64_MAX);

  /// The lines of a batch that is validating, or was when it was cancelled, all at once: they are
  /// its total. Lines that are there already are skipped, so that reading the input can begin anew.
  void add_lines(const std::string& id, std::span<const BatchLine> lines);
  /// Lines in that state after line `after` (-1: from the first), at most `limit`.
  std::vector<BatchLine> lines(const std::string& id, std::string_view state, int64_t after,
                               int64_t limit);
  /// Keeps the result of a line and counts it; false when it had one, which stays.
  bool record(const std::string& id, int64_t line, bool succeeded, std::string_view result);

  /// Moves a batch on. Throws invalid_input, naming both, where OpenAI's states know no such step;
  /// answers the batch as it is when it is there already.
  Batch move(const std::string& id, std::string_view status, const BatchEnd& end = {});
  /// Asked by a client: whoever works on it stops and moves it to cancelled. Throws not_found, and
  /// invalid_input for a batch that is over or being finished.
  Batch cancel(const std::string& key_id, const std::string& id);

 private:
  Batch read(Connection& connection, const std::string& id);

  Database& database_;
  const Owner& owner_;
  Clock clock_;
  BatchLimits limits_;
};

}  // namespace deepseek::store
