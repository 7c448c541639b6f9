// SPDX-License-Identifier: Apache-2.0
#include "serve/store/time_zone.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"

namespace deepseek::store {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int64_t day_s = 86400;
constexpr size_t largest_zone_bytes = size_t{1} << 20;
constexpr int32_t largest_offset_s = 26 * 3600;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

int32_t day_of(int year, unsigned month, unsigned day) {
  return int32_t(sys_days(year_month_day(std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)))
                     .time_since_epoch()
                     .count());
}

year_month_day date_of(int32_t day) { return year_month_day(sys_days(days(day))); }

/// Big-endian numbers of a TZif file, with every step checked against its end.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& place) : rest_(bytes), place_(place) {}

  std::string_view take(size_t count) {
    if (count > rest_.size()) refuse();
    const std::string_view part = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return part;
  }
  int64_t number(size_t size) {
    uint64_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    if (size == 4) return int32_t(uint32_t(value));
    return int64_t(value);
  }
  [[noreturn]] void refuse() const {
    fail(ErrorKind::bad_file, place_, ": no time zone file (TZif); reinstall the package tzdata");
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  const std::string& place_;
};

struct Counts {
  size_t utc_flags, wall_flags, leaps, changes, types, letters;
  size_t data_bytes(size_t time_bytes) const {
    return changes * (time_bytes + 1) + types * 6 + letters + leaps * (time_bytes + 4) +
           wall_flags + utc_flags;
  }
};

Counts read_header(Reader& in, char& version) {
  if (in.take(4) != "TZif") in.refuse();
  version = in.take(1)[0];
  in.take(15);
  std::array<size_t, 6> counts{};
  for (size_t& count : counts) {
    const int64_t value = in.number(4);
    if (value < 0 || value > 1 << 20) in.refuse();
    count = size_t(value);
  }
  return {counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
}

/// Walks a POSIX TZ string; every reader answers whether it could.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool name() {
    const bool quoted = skip('<');
    size_t length = 0;
    while (length < rest_.size()) {
      const char c = rest_[length];
      const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      const bool more = quoted && (c == '+' || c == '-' || (c >= '0' && c <= '9'));
      if (!letter && !more) break;
      ++length;
    }
    if (length < 3) return false;
    rest_.remove_prefix(length);
    return !quoted || skip('>');
  }
  bool integer(int least, int most, int& value) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || rest_.starts_with('-') || value < least || value > most)
      return false;
    rest_.remove_prefix(size_t(end - rest_.data()));
    return true;
  }
  /// [+-]h[:m[:s]]
  bool time(int32_t& seconds) {
    const bool negative = skip('-');
    if (!negative) skip('+');
    int hours = 0, minutes = 0, rest = 0;
    if (!integer(0, 167, hours)) return false;
    if (skip(':') && !integer(0, 59, minutes)) return false;
    if (skip(':') && !integer(0, 59, rest)) return false;
    seconds = (hours * 60 + minutes) * 60 + rest;
    if (negative) seconds = -seconds;
    return true;
  }
  bool change(ZoneRule::Change& change) {
    using Kind = ZoneRule::Change::Kind;
    if (!skip(',')) return false;
    if (skip('M')) {
      change.kind = Kind::month_week_day;
      if (!integer(1, 12, change.month) || !skip('.') || !integer(1, 5, change.week) ||
          !skip('.') || !integer(0, 6, change.day))
        return false;
    } else if (skip('J')) {
      change.kind = Kind::julian_without_leap;
      if (!integer(1, 365, change.day)) return false;
    } else {
      change.kind = Kind::day_of_year;
      if (!integer(0, 365, change.day)) return false;
    }
    change.second = 7200;
    return !skip('/') || time(change.second);
  }

 private:
  std::string_view rest_;
};

/// Local seconds since 1970 of a change in a year, on the clock that runs before it.
int64_t local_second(const ZoneRule::Change& change, int year) {
  using Kind = ZoneRule::Change::Kind;
  int32_t day = day_of(year, 1, 1);
  if (change.kind == Kind::day_of_year) {
    day += change.day;
  } else if (change.kind == Kind::julian_without_leap) {
    const bool leap = std::chrono::year(year).is_leap();
    day += change.day - 1 + (leap && change.day >= 60 ? 1 : 0);
  } else {
    const auto month = unsigned(change.month);
    const std::chrono::weekday wanted(unsigned(change.day));
    const sys_days chosen =
        change.week == 5
            ? sys_days(std::chrono::year(year) / month / std::chrono::weekday_last(wanted))
            : sys_days(std::chrono::year(year) / month / wanted[unsigned(change.week)]);
    day = int32_t(chosen.time_since_epoch().count());
  }
  return day * day_s + change.second;
}

std::optional<int32_t> fixed_offset(std::string_view name) {
  if (name == "UTC" || name == "Z") return 0;
  if (name.size() != 6 || (name[0] != '+' && name[0] != '-') || name[3] != ':') return std::nullopt;
  RuleText text(name.substr(1));
  int hours = 0, minutes = 0;
  if (!text.integer(0, 14, hours) || !text.skip(':') || !text.integer(0, 59, minutes) ||
      !text.at_end())
    return std::nullopt;
  const int32_t offset = hours * 3600 + minutes * 60;
  return name[0] == '-' ? -offset : offset;
}

/// Letters, digits and _+- between single slashes: nothing that leaves the folder.
bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '/' || name.back() == '/') return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool fine = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '+' || c == '-' || (c == '/' && name[i - 1] != '/');
    if (!fine) return false;
  }
  return true;
}

}  // namespace

int WallTime::weekday() const { return int(((day + 3) % 7 + 7) % 7); }

std::optional<int32_t> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  RuleText in(text);
  int year = 0, month = 0, day = 0;
  if (!in.integer(1, 9999, year) || !in.skip('-') || !in.integer(1, 12, month) || !in.skip('-') ||
      !in.integer(1, 31, day) || !in.at_end())
    return std::nullopt;
  const year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                            std::chrono::day(unsigned(day))};
  if (!date.ok()) return std::nullopt;
  return day_of(year, unsigned(month), unsigned(day));
}

std::string date_text(int32_t day) {
  const year_month_day date = date_of(day);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", int(date.year()),
                unsigned(date.month()), unsigned(date.day()));
  return text.data();
}

int32_t ZoneRule::offset_at(int64_t utc_s) const {
  if (!summer_offset_s) return standard_offset_s;
  // A year on the local clock; changes lie far enough from New Year for either offset to do.
  const int year = int(date_of(int32_t(floor_div(utc_s + standard_offset_s, day_s))).year());
  const int64_t begins = local_second(summer_begins, year) - standard_offset_s;
  const int64_t ends = local_second(summer_ends, year) - *summer_offset_s;
  const bool summer =
      begins < ends ? utc_s >= begins && utc_s < ends : utc_s >= begins || utc_s < ends;
  return summer ? *summer_offset_s : standard_offset_s;
}

std::optional<ZoneRule> parse_zone_rule(std::string_view text) {
  RuleText in(text);
  ZoneRule rule;
  int32_t west = 0;
  if (!in.name() || !in.time(west)) return std::nullopt;
  rule.standard_offset_s = -west;
  if (in.at_end()) return rule;
  if (!in.name()) return std::nullopt;
  int32_t summer_west = west - 3600;
  RuleText before = in;
  if (!in.time(summer_west)) in = before;
  rule.summer_offset_s = -summer_west;
  if (!in.change(rule.summer_begins) || !in.change(rule.summer_ends) || !in.at_end())
    return std::nullopt;
  return rule;
}

TimeZone TimeZone::utc() { return {}; }

TimeZone TimeZone::named(const std::string& name) {
  if (const auto offset = fixed_offset(name)) {
    TimeZone zone;
    zone.first_offset_ = *offset;
    return zone;
  }
  const char* folder = std::getenv("TZDIR");
  const std::filesystem::path root =
      folder != nullptr && *folder != '\0' ? folder : "/usr/share/zoneinfo";
  if (!is_zone_name(name) || !std::filesystem::is_regular_file(root / name))
    fail(ErrorKind::not_found, "time zone '", printable(name, 60), "': not in ", root.string(),
         "; expected UTC, +08:00 or a name such as Asia/Shanghai (package tzdata)");
  const std::filesystem::path path = root / name;
  return parse(read_text_file(path, largest_zone_bytes), path.string());
}

TimeZone TimeZone::parse(std::string_view bytes, const std::string& place) {
  Reader in(bytes, place);
  char version = 0;
  Counts counts = read_header(in, version);
  size_t time_bytes = 4;
  if (version >= '2') {  // the same once more in 64 bits
    in.take(counts.data_bytes(4));
    counts = read_header(in, version);
    time_bytes = 8;
  }
  TimeZone zone;
  for (size_t i = 0; i < counts.changes; ++i) {
    zone.changes_s_.push_back(in.number(time_bytes));
    if (i > 0 && zone.changes_s_[i] <= zone.changes_s_[i - 1]) in.refuse();
  }
  const std::string_view types = in.take(counts.changes);
  std::vector<int32_t> offsets;
  for (size_t i = 0; i < counts.types; ++i) {
    const int64_t offset = in.number(4);
    if (offset < -largest_offset_s || offset > largest_offset_s) in.refuse();
    offsets.push_back(int32_t(offset));
    in.take(2);
  }
  if (offsets.empty()) in.refuse();
  zone.first_offset_ = offsets[0];
  for (const char type : types) {
    const auto index = static_cast<unsigned char>(type);
    if (index >= offsets.size()) in.refuse();
    zone.offsets_.push_back(offsets[index]);
  }
  in.take(counts.letters + counts.leaps * (time_bytes + 4) + counts.wall_flags + counts.utc_flags);
  if (time_bytes == 4) return zone;
  std::string_view footer = in.rest();
  if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n') in.refuse();
  footer = footer.substr(1, footer.size() - 2);
  if (footer.empty()) return zone;
  zone.rule_ = parse_zone_rule(footer);
  if (!zone.rule_) in.refuse();
  return zone;
}

int32_t TimeZone::offset_at(int64_t utc_s) const {
  const auto after = std::upper_bound(changes_s_.begin(), changes_s_.end(), utc_s);
  if (after == changes_s_.end() && rule_) return rule_->offset_at(utc_s);
  if (after == changes_s_.begin()) return first_offset_;
  return offsets_[size_t(after - changes_s_.begin()) - 1];
}

WallTime TimeZone::wall_time(int64_t utc_ms) const {
  const int64_t utc_s = floor_div(utc_ms, 1000);
  const int64_t local = utc_s + offset_at(utc_s);
  const int64_t day = floor_div(local, day_s);
  return {int32_t(day), int32_t(local - day * day_s)};
}

}  // namespace deepseek::store
