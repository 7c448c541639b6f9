// SPDX-License-Identifier: Apache-2.0
#include "cli/store_flags.h"

#include <array>
#include <cstdio>

#include "core/error.h"
#include "core/text.h"
#include "serve/store/time_zone.h"

namespace deepseek::cli {
namespace {

constexpr int64_t hour_ms = 3'600'000, day_ms = 24 * hour_ms;
constexpr int64_t longest_hours = 24 * 365 * 100;

}  // namespace

store::StoreLocation store_location(const Flags& flags) {
  store::StoreLocation location;
  if (const auto url = flags.text("store-url")) {
    if (!url->starts_with("postgresql://") && !url->starts_with("postgres://"))
      fail(ErrorKind::invalid_input, "--store-url: expected postgresql://USER@HOST/DATABASE");
    location.url = *url;
  }
  if (const auto path = flags.text("data-path"))
    location.data_path = *path;
  else
    location.data_path = store::default_data_path();
  return location;
}

store::StoreLocation existing_store_location(const Flags& flags) {
  store::StoreLocation location = store_location(flags);
  if (location.url.empty() && !std::filesystem::exists(location.data_path / "store.sqlite3"))
    fail(ErrorKind::not_found, location.data_path.string(),
         ": no store here yet; 'deepseek key create NAME' makes one, --data-path names another");
  return location;
}

std::string without_password(const std::string& url) {
  const size_t user = url.find("://"), host = url.rfind('@');
  if (user == url.npos || host == url.npos) return url;
  const size_t colon = url.find(':', user + 3);
  if (colon == url.npos || colon > host) return url;
  return concat(url.substr(0, colon), ":***", url.substr(host));
}

std::optional<int64_t> parse_expiry(std::string_view text, int64_t now_ms) {
  if (text == "never") return std::nullopt;
  if (const auto day = store::parse_date(text)) return (int64_t{*day} + 1) * day_ms;
  const bool hours = text.ends_with('h'), days = text.ends_with('d');
  if (hours || days) {
    const std::string_view number = text.substr(0, text.size() - 1);
    if (!number.empty() && number.size() < 8 &&
        number.find_first_not_of("0123456789") == number.npos) {
      const int64_t count = std::stoll(std::string(number)) * (days ? 24 : 1);
      if (count > 0 && count <= longest_hours) return now_ms + count * hour_ms;
    }
  }
  fail(ErrorKind::invalid_input,
       "--expires: expected 30d, 12h, a date such as 2027-01-31 or never, got '",
       printable(text, 60), "'");
}

std::string time_text(int64_t time_ms) {
  const store::WallTime time = store::TimeZone::utc().wall_time(time_ms);
  std::array<char, 16> clock{};
  std::snprintf(clock.data(), clock.size(), " %02d:%02d", time.second_of_day / 3600,
                time.second_of_day / 60 % 60);
  return store::date_text(time.day) + clock.data();
}

}  // namespace deepseek::cli
