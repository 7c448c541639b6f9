// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "serve/store/database.h"
#include "serve/store/ledger.h"

namespace deepseek::store {

/// The money of one key. Granted money is spent first.
struct Balance {
  std::string key_id;
  std::string currency = "USD";
  /// Requests need the money beforehand. Without it usage is written down and the balance sinks
  /// below zero: what is owed.
  bool prepaid = false;
  int64_t granted_micro = 0;
  int64_t topped_up_micro = 0;
  int64_t reserved_micro = 0;  // by requests under way

  int64_t total_micro() const { return granted_micro + topped_up_micro; }
  int64_t available_micro() const { return total_micro() - reserved_micro; }
};

enum class Credit { grant, top_up };

/// Balances of keys; each change is a row of the ledger in the same transaction.
class Balances {
 public:
  explicit Balances(Database& database, Clock clock = system_clock_ms)
      : database_(database), clock_(std::move(clock)) {}

  /// Throws not_found.
  Balance get(const std::string& key_id);
  std::map<std::string, Balance> all();
  /// Adds to a balance, or takes from it where `micro` is negative. Throws not_found, or
  /// invalid_input for an amount out of range.
  LedgerEntry credit(const std::string& key_id, Credit kind, int64_t micro,
                     const std::string& note);

  // Inside a transaction of the caller's.
  static void open(Connection& connection, const Balance& balance);
  static Balance read(Connection& connection, const std::string& key_id);
  static LedgerEntry credit(Connection& connection, const std::string& key_id, Credit kind,
                            int64_t micro, const std::string& note, int64_t now_ms);

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace deepseek::store
