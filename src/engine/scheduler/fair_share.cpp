// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler/fair_share.h"

#include <algorithm>
#include <limits>

namespace deepseek {
namespace {

constexpr size_t remembered_tenants = 4096;

}  // namespace

Tenant& FairShare::enter(const std::string& id, double weight) {
  advance_clock();
  if (tenants_.size() >= remembered_tenants) forget_idle();
  Tenant& tenant = tenants_[id];
  tenant.weight = weight;
  if (tenant.active == 0) tenant.virtual_time = std::max(tenant.virtual_time, clock_);
  ++tenant.active;
  return tenant;
}

void FairShare::leave(Tenant& tenant) {
  advance_clock();
  --tenant.active;
}

void FairShare::advance_clock() {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [id, tenant] : tenants_)
    if (tenant.active > 0) least = std::min(least, tenant.virtual_time);
  if (least < std::numeric_limits<double>::infinity()) clock_ = std::max(clock_, least);
}

// An idle tenant behind the clock would start at the clock anyway; of the others the debt is lost.
void FairShare::forget_idle() {
  std::erase_if(tenants_, [this](const auto& entry) {
    return entry.second.active == 0 && entry.second.virtual_time <= clock_;
  });
  if (tenants_.size() >= remembered_tenants)
    std::erase_if(tenants_, [](const auto& entry) { return entry.second.active == 0; });
}

Tenant* FairShare::next(const std::function<bool(const Tenant&)>& has_work) {
  Tenant* first = nullptr;
  const std::string* name = nullptr;
  for (auto& [id, tenant] : tenants_) {
    if (tenant.active == 0 || !has_work(tenant)) continue;
    if (first != nullptr && (tenant.virtual_time > first->virtual_time ||
                             (tenant.virtual_time == first->virtual_time && id > *name)))
      continue;
    first = &tenant;
    name = &id;
  }
  return first;
}

double FairShare::share(const Tenant& tenant, int64_t slots) const {
  double weights = 0;
  for (const auto& [id, other] : tenants_)
    if (other.active > 0) weights += other.weight;
  return weights == 0 ? double(slots) : double(slots) * tenant.weight / weights;
}

}  // namespace deepseek
