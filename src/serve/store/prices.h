// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/store/money.h"
#include "serve/store/time_zone.h"

namespace deepseek::store {

/// What a request pays, fixed when it is admitted.
struct Price {
  TokenPrice tokens;
  std::string currency;
  std::string name;  // "2025-02-08 night": the period's first day and the band
};

/// Prices of models through time.
///
/// A model has periods, each from a date on until the next begins, and a period has bands: hours
/// of the day, on some weekdays, outside some holidays, between two dates, in a time zone. The
/// first band that matches gives the price, else the period. The clock on the wall of the zone
/// decides: an hour that summer time skips never matches, one that it repeats matches twice. Hours
/// past midnight belong to the day on which they began.
class PriceList {
 public:
  /// Strict YAML, described in docs/decisions/0009-store.md. Throws bad_file with the line.
  static PriceList load(const std::filesystem::path& path);
  static PriceList parse(const std::string& yaml, const std::string& place);

  const std::string& currency() const { return currency_; }
  /// Absent when no price of the model was in effect then. A model that is not listed has the
  /// prices of "*", where there are some.
  std::optional<Price> find(const std::string& model, int64_t utc_ms) const;

  struct Days {
    int32_t first = 0, last = 0;  // both included
  };
  struct Hours {
    int32_t begin_s = 0, end_s = 0;  // begin > end: over midnight
  };
  struct Band {
    std::string name;
    TimeZone zone;
    std::vector<Hours> hours;
    unsigned weekdays = 0x7f;  // bit 0 is Monday
    std::optional<int32_t> from, until;
    std::vector<Days> except;
    TokenPrice price;
    bool holds_at(int64_t utc_ms) const;
  };
  struct Period {
    WallTime from;  // in the list's zone
    TokenPrice price;
    std::vector<Band> bands;
  };

 private:
  friend class PriceFile;
  std::string currency_;
  TimeZone zone_;
  std::map<std::string, std::vector<Period>, std::less<>> models_;
};

}  // namespace deepseek::store
