// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "serve/store/balances.h"
#include "serve/store/batches.h"
#include "serve/store/database.h"
#include "serve/store/files.h"
#include "serve/store/history.h"
#include "serve/store/idempotency.h"
#include "serve/store/keys.h"
#include "serve/store/ledger.h"
#include "serve/store/meter.h"
#include "serve/store/owner.h"
#include "serve/store/responses.h"
#include "serve/store/usage.h"

namespace deepseek::store {

/// Everything a server keeps, opened together: one database, one registration of this process.
struct Store {
  explicit Store(const StoreLocation& location, std::shared_ptr<const PriceList> price_list = {},
                 const Clock& clock = system_clock_ms)
      : database(location),
        searches(location),
        owner(database, clock),
        keys(database, clock),
        balances(database, clock),
        ledger(database),
        meter(database, owner, std::move(price_list), clock),
        usage(database),
        idempotency(database, owner, clock),
        files(database, location.data_path, clock),
        batches(database, owner, clock),
        responses(database, clock),
        history(database, clock, {}, &searches) {}

  /// Drops what is too old or too much. Call it every minute or so.
  void tidy() {
    idempotency.tidy();
    files.tidy();
    responses.tidy();
  }

  Database database;
  Database searches;  // a session of their own: they may take long
  Owner owner;
  Keys keys;
  Balances balances;
  Ledger ledger;
  Meter meter;
  Usage usage;
  Idempotency idempotency;
  Files files;
  Batches batches;
  Responses responses;
  History history;
};

}  // namespace deepseek::store
