// SPDX-License-Identifier: Apache-2.0
#include "serve/store/time_zone.h"

#include <gtest/gtest.h>

#include <ctime>

#include "core/file.h"
#include "core/random.h"
#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using deepseek::testing::refused;

int64_t utc_s(const char* date, int hour, int minute) {
  return int64_t{*parse_date(date)} * 86400 + hour * 3600 + minute * 60;
}

TEST(TimeZone, SummerTimeBeginsAndEndsToTheSecond) {
  const TimeZone zone = TimeZone::named("America/New_York");
  const int64_t begins = utc_s("2026-03-08", 7, 0), ends = utc_s("2026-11-01", 6, 0);
  EXPECT_EQ(zone.offset_at(begins - 1), -5 * 3600);
  EXPECT_EQ(zone.offset_at(begins), -4 * 3600);
  EXPECT_EQ(zone.offset_at(ends - 1), -4 * 3600);
  EXPECT_EQ(zone.offset_at(ends), -5 * 3600);
  // 01:59:59 is followed by 03:00:00, and in autumn the hour from 01:00 comes twice.
  EXPECT_EQ(zone.wall_time((begins - 1) * 1000).second_of_day, 2 * 3600 - 1);
  EXPECT_EQ(zone.wall_time(begins * 1000).second_of_day, 3 * 3600);
  EXPECT_EQ(zone.wall_time((ends - 1) * 1000).second_of_day, 2 * 3600 - 1);
  EXPECT_EQ(zone.wall_time(ends * 1000).second_of_day, 3600);
}

TEST(TimeZone, AgreesWithTheSystemOverThreeCenturies) {
  for (const char* name :
       {"America/New_York", "Asia/Shanghai", "Europe/Dublin", "Australia/Lord_Howe",
        "America/Santiago", "Africa/Casablanca", "Asia/Kathmandu", "UTC"}) {
    const TimeZone zone = TimeZone::named(name);
    ::setenv("TZ", name, 1);
    ::tzset();
    const CounterRandom random(3, 0);
    for (uint64_t i = 0; i < 4000; ++i) {
      const auto when = std::time_t(random.uniform(i) * 9.4e9 - 1.5e9);  // 1922 to 2220
      std::tm local{};
      ::localtime_r(&when, &local);
      ASSERT_EQ(zone.offset_at(when), local.tm_gmtoff) << name << " " << when;
      ASSERT_EQ(zone.wall_time(when * 1000).weekday(), (local.tm_wday + 6) % 7);
    }
    ::unsetenv("TZ");
    ::tzset();
  }
}

TEST(TimeZone, RulesCoverEveryFormOfPosix) {
  EXPECT_EQ(parse_zone_rule("CST-8")->offset_at(0), 8 * 3600);
  EXPECT_EQ(parse_zone_rule("<+0330>-3:30")->offset_at(0), 12600);
  const auto julian = parse_zone_rule("AAA0BBB,J60/0,J300/0");  // March 1 also in leap years
  EXPECT_EQ(julian->offset_at(utc_s("2028-02-29", 23, 59)), 0);
  EXPECT_EQ(julian->offset_at(utc_s("2028-03-01", 0, 0)), 3600);
  const auto plain = parse_zone_rule("AAA0BBB,59/0,300/0");  // day 59 from 0: February 29
  EXPECT_EQ(plain->offset_at(utc_s("2028-02-29", 0, 0)), 3600);
  EXPECT_EQ(plain->offset_at(utc_s("2027-03-01", 0, 0)), 3600);
  for (const char* text : {"", "CE-1", "CET", "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.5.0",
                           "CET-1CEST,M3.5.0,M10.5.0x", "CET-200", "<CET-1", "CET-1CEST"})
    EXPECT_FALSE(parse_zone_rule(text)) << text;
}

TEST(TimeZone, FixedOffsetsNeedNoFile) {
  EXPECT_EQ(TimeZone::named("+08:00").offset_at(0), 8 * 3600);
  EXPECT_EQ(TimeZone::named("-03:30").offset_at(0), -12600);
}

TEST(TimeZone, NamesStayInsideTheFolder) {
  for (const char* name : {"../../../etc/passwd", "/etc/passwd", "Asia//Shanghai", "Mars/Olympus",
                           "", "+8:00", "+25:00", "Asia"})
    EXPECT_NE(refused(ErrorKind::not_found, [&] { TimeZone::named(name); }).find("time zone"),
              std::string::npos)
        << name;
}

TEST(TimeZone, ADamagedFileIsRefusedOrReadButNeverMore) {
  const std::string whole = read_text_file("/usr/share/zoneinfo/Europe/Berlin");
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    EXPECT_THROW(TimeZone::parse(cut, "cut"), Error) << size;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = char(changed[at] ^ 0x81);
    try {
      TimeZone::parse(changed, "changed").wall_time(1'760'000'000'000);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_file);
    }
  }
}

TEST(Dates, AreReadAndWritten) {
  EXPECT_EQ(parse_date("1970-01-01"), 0);
  EXPECT_EQ(parse_date("2024-02-29"), 19782);
  for (const char* text : {"2023-02-29", "2024-13-01", "2024-1-01", "2024-01-32", "", "2024/01/01"})
    EXPECT_FALSE(parse_date(text)) << text;
  for (int32_t day = -1000; day < 40000; day += 13) EXPECT_EQ(parse_date(date_text(day)), day);
}

}  // namespace
}  // namespace deepseek::store
