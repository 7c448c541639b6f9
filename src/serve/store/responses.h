// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/store/database.h"

namespace deepseek::store {

struct ResponseLimits {
  int64_t lifetime_ms = int64_t{30} * 24 * 3'600'000;
  int64_t largest_bytes = 16 << 20;  // of one
  int64_t most_per_key = 10'000;     // the oldest go first
  int64_t most_bytes_per_key = 1 << 30;
};

struct StoredResponse {
  std::string id;
  std::optional<std::string> previous_id;
  std::string body;  // the caller's JSON: the object, its input, its output with tool calls
  int64_t created_at_ms = 0;
};

/// One of a chain, without its body.
struct ResponseLink {
  std::string id;
  std::optional<std::string> previous_id;
  int64_t size_bytes = 0;  // of the body
};

/// Objects of the Responses API that were asked to be stored: durable, and bounded for each key.
class Responses {
 public:
  Responses(Database& database, Clock clock = system_clock_ms, ResponseLimits limits = {});

  /// Keeps or replaces a response. Throws out_of_memory for one over the bound.
  void put(const std::string& key_id, const StoredResponse& response);
  /// Absent when the key has none of that id, or it is too old.
  std::optional<StoredResponse> find(const std::string& key_id, const std::string& id);
  /// The response and those before it by previous_id, oldest first; at most `limit` of them.
  /// Absent when one of the chain is gone.
  std::optional<std::vector<ResponseLink>> chain(const std::string& key_id, const std::string& id,
                                                 int64_t limit);
  bool remove(const std::string& key_id, const std::string& id);
  void tidy();

 private:
  Database& database_;
  Clock clock_;
  ResponseLimits limits_;
};

}  // namespace deepseek::store
