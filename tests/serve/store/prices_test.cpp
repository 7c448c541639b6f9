// SPDX-License-Identifier: Apache-2.0
#include "serve/store/prices.h"

#include <gtest/gtest.h>

#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using deepseek::testing::refused;

int64_t utc(const char* date, int hour, int minute, int second = 0) {
  return (int64_t{*parse_date(date)} * 86400 + hour * 3600 + minute * 60 + second) * 1000;
}

struct History : ::testing::Test {
  PriceList list = PriceList::load(DEEPSEEK_SOURCE_DIR "/tests/data/prices/deepseek.yaml");

  void expect(const char* model, int64_t when, TokenPrice price, const std::string& name) {
    const auto found = list.find(model, when);
    ASSERT_TRUE(found) << model;
    EXPECT_EQ(found->name, name);
    EXPECT_EQ(found->tokens.hit, price.hit) << name;
    EXPECT_EQ(found->tokens.miss, price.miss) << name;
    EXPECT_EQ(found->tokens.output, price.output) << name;
    EXPECT_EQ(found->currency, "USD");
  }
};

TEST_F(History, NightDiscountCrossesMidnight) {
  const TokenPrice day{70'000, 270'000, 1'100'000}, night{35'000, 135'000, 550'000};
  expect("deepseek-chat", utc("2025-03-03", 16, 29, 59), day, "2025-02-08");
  expect("deepseek-chat", utc("2025-03-03", 16, 30), night, "2025-02-08 night");
  expect("deepseek-chat", utc("2025-03-03", 23, 59, 59), night, "2025-02-08 night");
  expect("deepseek-chat", utc("2025-03-04", 0, 0), night, "2025-02-08 night");
  expect("deepseek-chat", utc("2025-03-04", 0, 29, 59), night, "2025-02-08 night");
  expect("deepseek-chat", utc("2025-03-04", 0, 30), day, "2025-02-08");
  expect("deepseek-reasoner", utc("2025-03-03", 20, 0), {35'000, 137'500, 547'500},
         "2025-01-20 night");
}

TEST_F(History, ABandBeginsOnItsFirstEveningNotInTheHoursBefore) {
  const TokenPrice day{70'000, 270'000, 1'100'000};
  expect("deepseek-chat", utc("2025-02-26", 0, 10), day, "2025-02-08");
  expect("deepseek-chat", utc("2025-02-26", 16, 30), {35'000, 135'000, 550'000},
         "2025-02-08 night");
}

TEST_F(History, PeriodsBeginToTheMinute) {
  EXPECT_FALSE(list.find("deepseek-chat", utc("2025-02-08", 15, 59, 59)));
  expect("deepseek-chat", utc("2025-09-05", 15, 59, 59), {70'000, 270'000, 1'100'000},
         "2025-02-08");
  expect("deepseek-chat", utc("2025-09-05", 16, 0), {70'000, 560'000, 1'680'000}, "2025-09-05");
  expect("deepseek-chat", utc("2025-12-01", 20, 0), {28'000, 280'000, 420'000}, "2025-09-29");
  expect("deepseek-v4-pro", utc("2026-05-01", 2, 0), {3625, 435'000, 870'000}, "2026-04-24");
}

TEST_F(History, PeakHoursSpareWeekendsAndHolidays) {
  const TokenPrice low{3000, 150'000, 600'000}, peak{6000, 300'000, 1'200'000};
  // 2026-09-14 is a Monday.
  expect("deepseek-v4-flash", utc("2026-09-14", 0, 59, 59), low, "2026-08-16");
  expect("deepseek-v4-flash", utc("2026-09-14", 1, 0), peak, "2026-08-16 peak");
  expect("deepseek-v4-flash", utc("2026-09-14", 4, 0), low, "2026-08-16");
  expect("deepseek-v4-flash", utc("2026-09-14", 9, 59, 59), peak, "2026-08-16 peak");
  expect("deepseek-v4-flash", utc("2026-09-13", 2, 0), low, "2026-08-16");
  expect("deepseek-v4-flash", utc("2026-09-25", 2, 0), low, "2026-08-16");
  expect("deepseek-v4-flash", utc("2026-10-07", 2, 0), low, "2026-08-16");
  expect("deepseek-v4-flash", utc("2026-10-08", 2, 0), peak, "2026-08-16 peak");
  expect("deepseek-v4-pro", utc("2026-10-08", 2, 0), {44'000, 1'320'000, 3'960'000},
         "2026-08-16 peak");
}

TEST(Prices, TheWallClockDecidesWhenSummerTimeChanges) {
  const PriceList list = PriceList::parse(R"(
currency: EUR
zone: Europe/Berlin
models:
  "*":
    - from: 2026-01-01
      hit: 1
      miss: 1
      output: 1
      bands:
        - {name: early, hours: "02:00-03:00", hit: 2, miss: 2, output: 2}
)",
                                          "p.yaml");
  const auto minutes_at_two = [&](const char* day) {
    int minutes = 0;
    for (int64_t at = utc(day, 0, 0) - 7'200'000; at < utc(day, 22, 0); at += 60'000)
      minutes += list.find("any", at)->name.ends_with("early") ? 1 : 0;
    return minutes;
  };
  EXPECT_EQ(minutes_at_two("2026-03-29"), 0);  // that hour is left out
  EXPECT_EQ(minutes_at_two("2026-07-01"), 60);
  EXPECT_EQ(minutes_at_two("2026-10-25"), 120);  // and comes twice
  EXPECT_FALSE(list.find("any", utc("2025-12-31", 22, 59)));
  EXPECT_TRUE(list.find("any", utc("2025-12-31", 23, 0)));  // midnight in Berlin
}

TEST(Prices, ANightOfFridayReachesIntoSaturday) {
  const PriceList list = PriceList::parse(R"(
currency: USD
models:
  m:
    - {from: 2026-01-01, hit: 1, miss: 1, output: 1,
       bands: [{name: b, days: fri, hours: "22:00-06:00", percent: 10}]}
)",
                                          "p.yaml");
  EXPECT_EQ(list.find("m", utc("2026-09-18", 23, 0))->tokens.hit, 100'000);  // Friday
  EXPECT_EQ(list.find("m", utc("2026-09-19", 5, 59))->tokens.hit, 100'000);
  EXPECT_EQ(list.find("m", utc("2026-09-19", 23, 0))->tokens.hit, 1'000'000);
  EXPECT_EQ(list.find("m", utc("2026-09-18", 5, 0))->tokens.hit, 1'000'000);
  EXPECT_FALSE(list.find("other", utc("2026-09-18", 5, 0)));
}

TEST(Prices, AWrongFileIsRefusedWithItsLine) {
  const std::string period = "models:\n  m:\n    - {from: 2026-01-01, hit: 1, miss: 1, output: 1";
  const auto band = [&](const std::string& fields) {
    return "currency: USD\n" + period + ", bands: [{name: b, " + fields + "}]}\n";
  };
  struct Case {
    std::string yaml;
    const char* expected;
  };
  for (const Case& c : {
           Case{"currency: [USD\n", "not YAML"},
           Case{"- 1\n", "p.yaml:1: the price list: expected a map"},
           Case{"currency: USD\nmodel: {}\n",
                "p.yaml:2: the price list: unknown key 'model'; did you mean models?"},
           Case{"currency: USD\n", "models is missing"},
           Case{"models: {}\n", "currency is missing"},
           Case{"currency: dollar\nmodels: {}\n", "p.yaml:1: currency: expected a currency"},
           Case{"currency: USD\nzone: Mars/One\nmodels: {}\n", "p.yaml:2: time zone 'Mars/One'"},
           Case{"currency: USD\nmodels: {}\nmodels: {}\n", "models is there twice"},
           Case{"currency: USD\nmodels: {m: []}\n", "expected a list of periods"},
           Case{"currency: USD\n" + period + ", mis: 2}\n",
                "p.yaml:4: a period: unknown key 'mis'; did you mean miss?"},
           Case{"currency: USD\nmodels: {m: [{from: 2026-01-01, hit: 1, miss: 1}]}\n",
                "output is missing"},
           Case{"currency: USD\nmodels: {m: [{from: 2026-02-30, hit: 1, miss: 1, output: 1}]}\n",
                "expected a date"},
           Case{"currency: USD\nmodels: {m: [{from: 2026-01-01, hit: -1, miss: 1, output: 1}]}\n",
                "hit: expected a price"},
           Case{"currency: USD\nmodels: {m: [{from: 2026-01-01, hit: 1e-3, miss: 1, output: 1}]}\n",
                "hit: expected an amount"},
           Case{"currency: USD\n" + period +
                    "}\n    - {from: 2025-01-01, hit: 1, miss: 1, output: 1}\n",
                "p.yaml:5: periods: each begins later"},
           Case{band("hours: \"9:00-10:00\", percent: 50"), "expected a time such as 16:30"},
           Case{band("hours: \"09:00-09:00\", percent: 50"), "the range is empty"},
           Case{band("hours: \"09:00\", percent: 50"), "hours: expected a range"},
           Case{band("days: monday, percent: 50"), "days: expected mon"},
           Case{band("except: china, percent: 50"), "no holidays 'china'"},
           Case{band("percent: 50, hit: 1"), "percent or prices, not both"},
           Case{band("percent: half"), "percent: expected a whole number"},
           Case{"currency: USD\nmodels: {m: [{from: 2026-01-01, hit: 0.000001, miss: 1, output: 1, "
                "bands: [{name: b, percent: 50}]}]}\n",
                "50% of 0.000001 is no whole number of micro-units"},
           Case{"currency: USD\nholidays: {c: [2026-10-07..2026-10-01]}\nmodels: {}\n",
                "ends before it begins"},
       }) {
    const std::string message =
        refused(ErrorKind::bad_file, [&] { PriceList::parse(c.yaml, "p.yaml"); });
    EXPECT_NE(message.find(c.expected), std::string::npos) << c.yaml << message;
  }
}

}  // namespace
}  // namespace deepseek::store
