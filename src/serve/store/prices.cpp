// SPDX-License-Identifier: Apache-2.0
#include "serve/store/prices.h"

#include <algorithm>

#include "core/text.h"

namespace deepseek::store {
namespace {

bool begun(const WallTime& from, const WallTime& now) {
  return from.day != now.day ? from.day < now.day : from.second_of_day <= now.second_of_day;
}

/// The day on which the hours that hold at `now` began; absent when they do not hold.
std::optional<WallTime> began_on(const PriceList::Hours& hours, WallTime now) {
  const int32_t second = now.second_of_day;
  if (hours.begin_s < hours.end_s) {
    if (second < hours.begin_s || second >= hours.end_s) return std::nullopt;
    return now;
  }
  if (second >= hours.begin_s) return now;
  if (second >= hours.end_s) return std::nullopt;
  --now.day;
  return now;
}

}  // namespace

bool PriceList::Band::holds_at(int64_t utc_ms) const {
  const WallTime now = zone.wall_time(utc_ms);
  return std::any_of(hours.begin(), hours.end(), [&](const Hours& range) {
    const auto begin = began_on(range, now);
    if (!begin || (weekdays >> begin->weekday() & 1) == 0) return false;
    if ((from && begin->day < *from) || (until && begin->day > *until)) return false;
    return std::none_of(except.begin(), except.end(), [&](const Days& days) {
      return begin->day >= days.first && begin->day <= days.last;
    });
  });
}

std::optional<Price> PriceList::find(const std::string& model, int64_t utc_ms) const {
  auto entry = models_.find(model);
  if (entry == models_.end()) entry = models_.find("*");
  if (entry == models_.end()) return std::nullopt;
  const WallTime now = zone_.wall_time(utc_ms);
  const Period* period = nullptr;
  for (const Period& candidate : entry->second)
    if (begun(candidate.from, now)) period = &candidate;
  if (period == nullptr) return std::nullopt;
  const std::string name = date_text(period->from.day);
  for (const Band& band : period->bands)
    if (band.holds_at(utc_ms)) return Price{band.price, currency_, concat(name, " ", band.name)};
  return Price{period->price, currency_, name};
}

}  // namespace deepseek::store
