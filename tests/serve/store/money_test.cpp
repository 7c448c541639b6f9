// SPDX-License-Identifier: Apache-2.0
#include "serve/store/money.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using deepseek::testing::refused;

TEST(Money, IsReadAndWrittenExactly) {
  struct Case {
    const char* text;
    int64_t micro;
    const char* written;
  };
  for (const Case& c : {Case{"5", 5'000'000, "5.00"}, Case{"0.0028", 2800, "0.0028"},
                        Case{"0.003625", 3625, "0.003625"}, Case{"-12.5", -12'500'000, "-12.50"},
                        Case{"110.00", 110'000'000, "110.00"}, Case{"0", 0, "0.00"}}) {
    EXPECT_EQ(parse_money(c.text, "x"), c.micro);
    EXPECT_EQ(money_text(c.micro), c.written);
  }
  const CounterRandom random(7, 0);
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto micro = int64_t(random.uniform(i) * double(largest_micro));
    EXPECT_EQ(parse_money(money_text(micro), "x"), micro);
    EXPECT_EQ(parse_money(money_text(-micro), "x"), -micro);
  }
}

TEST(Money, RefusesWhatIsNoAmount) {
  for (const char* text : {"", ".5", "5.", "1e3", "1,5", "0.0000001", "--1", "+1", " 1", "1 ",
                           "99999999999999999999", "0x10", "1.2.3"})
    EXPECT_NE(refused(ErrorKind::invalid_input, [&] { parse_money(text, "--grant"); })
                  .find("--grant: expected an amount"),
              std::string::npos)
        << text;
}

TEST(Money, ACostIsTheExactSumRoundedUpOnce) {
  const TokenPrice flash{2800, 140'000, 280'000};
  EXPECT_EQ(cost_micro(flash, {0, 0, 0}), 0);
  EXPECT_EQ(cost_micro(flash, {1, 0, 0}), 1);  // 0.0028 micro-units
  EXPECT_EQ(cost_micro(flash, {0, 50, 0}), 7);
  EXPECT_EQ(cost_micro(flash, {0, 50, 1}), 8);  // 7.28
  EXPECT_EQ(cost_micro(flash, {1'000'000, 1'000'000, 1'000'000}), 2800 + 140'000 + 280'000);
  EXPECT_EQ(cost_micro({0, 0, largest_price_micro}, {0, 0, largest_token_count}), largest_micro);
}

TEST(Money, ACostNeverFallsAsTokensGrow) {
  const CounterRandom random(11, 0);
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto draw = [&](uint64_t n, int64_t most) {
      return int64_t(random.uniform(i * 8 + n) * double(most));
    };
    const TokenPrice price{draw(0, 5000), draw(1, 2'000'000), draw(2, 9'000'000)};
    const TokenCounts small{draw(3, 9000), draw(4, 9000), draw(5, 9000)};
    const TokenCounts large{small.hit, small.miss + draw(6, 100), small.output + draw(7, 100)};
    EXPECT_LE(cost_micro(price, small), cost_micro(price, large));
  }
}

}  // namespace
}  // namespace deepseek::store
