// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>

#include "serve/store/balances.h"
#include "serve/store/database.h"
#include "serve/store/ledger.h"
#include "serve/store/owner.h"
#include "serve/store/prices.h"

namespace deepseek::store {

/// A request that wants to run.
struct MeteredRequest {
  /// Made by the server, never the client's x-request-id: it is charged at most once, ever.
  std::string id;
  std::string key_id, model;
  int64_t prompt_tokens = 0;
  int64_t max_output_tokens = 0;  // of all choices together
};

/// Money set aside for a request: an upper bound of what it can cost at the price of its admission.
struct Reservation {
  std::string id;
  Price price;
  int64_t reserved_micro = 0;
  int64_t admitted_at_ms = 0;
};

/// The key has less than the request could cost (HTTP 402).
struct InsufficientBalance {
  std::string currency;
  int64_t required_micro = 0, available_micro = 0;
};

using Admission = std::variant<Reservation, InsufficientBalance>;

enum class Outcome { complete, aborted, failed };

/// Turns tokens into money. Each request reserves before it runs, reports while it runs, and
/// settles once, which leaves one row of the ledger; one that is charged nothing withdraws, which
/// leaves none. All of it holds over threads, processes and crashes: a step is one transaction, and
/// one process writes at a time.
class Meter {
 public:
  /// `owner` is this process and outlives the meter. `prices` null: everything is free.
  Meter(Database& database, const Owner& owner, std::shared_ptr<const PriceList> prices,
        Clock clock = system_clock_ms);

  /// Reserves the prompt at the dearer of hit and miss price, and the longest output. Throws
  /// not_found for a key or a price that is not there, unsupported for a key in another currency
  /// than the prices.
  Admission reserve(const MeteredRequest& request);

  /// What a running request has used so far; kept in memory until the next flush.
  void report(const std::string& id, const TokenCounts& used);
  /// Writes the reports and renews the lease, in one transaction that a crash of the process
  /// survives. Call it every second or so.
  void flush();

  /// Charges the tokens, granted money first, and frees the reservation. A request that was settled
  /// or recovered before is left as it is: the row that is there is answered. Throws not_found for
  /// an id that was never reserved, internal for more tokens than were reserved. `with` is part of
  /// the charge's transaction, and not called when there is no new charge.
  LedgerEntry settle(const std::string& id, const TokenCounts& used, Outcome outcome,
                     const std::function<void(Connection&)>& with = {});

  /// Frees the reservation of a request that is charged nothing, and leaves no row. Does nothing
  /// where it has ended already.
  void withdraw(const std::string& id);

  /// Settles what dead processes left open, for the tokens they had flushed, outcome "recovered".
  /// Call it at start, and now and then where several servers share a store. Answers how many.
  int64_t recover();

  /// Prices of requests that are admitted from now on.
  void set_prices(std::shared_ptr<const PriceList> prices);

 private:
  Price price_of(const std::string& model, const std::string& currency, int64_t now_ms);

  Database& database_;
  const Owner& owner_;
  Clock clock_;
  std::mutex mutex_;
  std::shared_ptr<const PriceList> prices_;
  std::map<std::string, TokenCounts> reports_;  // not yet flushed
};

}  // namespace deepseek::store
