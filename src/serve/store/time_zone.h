// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek::store {

/// What a clock on the wall shows.
struct WallTime {
  int32_t day = 0;            // days since 1970-01-01
  int32_t second_of_day = 0;  // 0 to 86399
  int weekday() const;        // 0 is Monday
};

/// "2026-10-01" to days since 1970-01-01 (proleptic Gregorian). Absent when it is no date.
std::optional<int32_t> parse_date(std::string_view text);
std::string date_text(int32_t day);

/// One rule of a POSIX TZ string: standard time, and where there is summer time its two changes.
struct ZoneRule {
  struct Change {
    enum class Kind { month_week_day, julian_without_leap, day_of_year };
    Kind kind = Kind::month_week_day;
    int month = 0, week = 0, day = 0;
    int32_t second = 7200;  // of the local day, may be negative or past 24 h
  };
  int32_t standard_offset_s = 0;
  std::optional<int32_t> summer_offset_s;
  Change summer_begins, summer_ends;

  /// Seconds east of UTC at a time.
  int32_t offset_at(int64_t utc_s) const;
};

/// Reads a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3". Absent when it is none.
std::optional<ZoneRule> parse_zone_rule(std::string_view text);

/// Offsets of a place through time. GCC 12 has no std::chrono::tzdb, so this reads the same data
/// itself: the TZif files (RFC 9636) under $TZDIR, else /usr/share/zoneinfo, of Debian's tzdata.
class TimeZone {
 public:
  static TimeZone utc();
  /// "UTC", "+08:00", or a name such as "Asia/Shanghai". Throws not_found for a zone without a
  /// file, bad_file for a file that is no TZif.
  static TimeZone named(const std::string& name);
  /// The content of a TZif file; `place` is for messages.
  static TimeZone parse(std::string_view bytes, const std::string& place);

  int32_t offset_at(int64_t utc_s) const;
  WallTime wall_time(int64_t utc_ms) const;

 private:
  std::vector<int64_t> changes_s_;  // ascending
  std::vector<int32_t> offsets_;    // from the change of the same index on
  int32_t first_offset_ = 0;        // before the first change
  std::optional<ZoneRule> rule_;    // after the last change
};

}  // namespace deepseek::store
