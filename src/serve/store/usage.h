// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serve/store/database.h"
#include "serve/store/ledger.h"

namespace deepseek::store {

/// What one key used of one model on one day, or over several days.
struct UsageTotal {
  std::string key_id, model;
  int32_t day = 0;  // since 1970-01-01, in UTC; of a sum: the first
  std::string currency;
  int64_t requests = 0;
  TokenCounts tokens;
  int64_t cost_micro = 0;
};

/// Totals for pages and reports, kept beside the ledger in the same transaction.
class Usage {
 public:
  explicit Usage(Database& database) : database_(database) {}

  /// Each day and model of a key from `first_day` to `last_day`, both included, oldest first.
  std::vector<UsageTotal> days(const std::string& key_id, int32_t first_day, int32_t last_day);
  /// Sums over those days, a row for each key (or `key_id` alone), model and currency.
  std::vector<UsageTotal> totals(int32_t first_day, int32_t last_day,
                                 const std::string& key_id = "");

  /// Counts a charge, inside a transaction of the caller's.
  static void add(Connection& connection, const LedgerEntry& charge, int64_t cost_micro);

 private:
  Database& database_;
};

}  // namespace deepseek::store
