// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "serve/store/database.h"

namespace deepseek::store {

/// A process that has work open in the store. It counts as dead when its process is gone, if it ran
/// on this machine (same boot and same namespace of process ids), else when its lease ran out.
class Owner {
 public:
  /// Registers this process. `lease_ms`: when another machine may take it for dead unless it
  /// renews.
  explicit Owner(Database& database, Clock clock = system_clock_ms, int64_t lease_ms = 90'000);
  /// Takes the registration back; whatever is still open can be recovered by others at once.
  ~Owner();
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  const std::string& id() const { return id_; }
  /// Renews the lease, inside a transaction of the caller's.
  void renew(Connection& connection) const;
  /// Ids of owners that live, this one included.
  std::set<std::string> living(Connection& connection) const;
  /// Forgets owners that do not.
  void forget_dead(Connection& connection) const;

 private:
  Database& database_;
  Clock clock_;
  int64_t lease_ms_;
  std::string id_, host_;
  int64_t pid_, start_ticks_;
};

}  // namespace deepseek::store
