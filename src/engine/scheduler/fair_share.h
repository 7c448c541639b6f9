// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

namespace deepseek {

struct Run;

/// Whose requests they are.
struct Tenant {
  double weight = 1;
  double virtual_time = 0;   // tokens computed for it over its weight
  int64_t active = 0;        // requests that wait or run
  int64_t running = 0;       // sequences
  std::deque<Run*> waiting;  // in order of arrival
};

/// Token-weighted fair sharing by virtual time (Sheng et al. 2024, "Fairness in Serving Large
/// Language Models", VTC): who has had least for its weight goes first. Who comes back from being
/// idle starts no earlier than the least of those at work: idle time is not saved up.
class FairShare {
 public:
  /// A request of the tenant came; its weight counts from now on.
  Tenant& enter(const std::string& id, double weight);
  void leave(Tenant& tenant);
  void charge(Tenant& tenant, int64_t tokens) {
    tenant.virtual_time += double(tokens) / tenant.weight;
  }

  /// The tenant that goes next among those for which `has_work`; null when there is none.
  Tenant* next(const std::function<bool(const Tenant&)>& has_work);
  /// Of `slots`, how many the tenant may hold while others want some.
  double share(const Tenant& tenant, int64_t slots) const;

  int64_t tenants() const { return static_cast<int64_t>(tenants_.size()); }

 private:
  void advance_clock();
  void forget_idle();

  std::unordered_map<std::string, Tenant> tenants_;
  double clock_ = 0;  // least virtual time of the active
};

}  // namespace deepseek
