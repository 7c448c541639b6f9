// SPDX-License-Identifier: Apache-2.0
#include "serve/store/meter.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "serve/store/usage.h"
#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;

/// 1, 2 and 10 micro-units a token; twice that from 12:00 to 13:00 UTC.
std::shared_ptr<const PriceList> simple_prices() {
  return std::make_shared<PriceList>(PriceList::parse(R"(
currency: USD
models:
  m:
    - {from: 2020-01-01, hit: 1, miss: 2, output: 10,
       bands: [{name: noon, hours: "12:00-13:00", percent: 200}]}
)",
                                                      "p.yaml"));
}

class MeterOn : public OnBothBackends {
 protected:
  void SetUp() override {
    OnBothBackends::SetUp();
    *clock.now_ms = 1'760'000'000'000 / 86'400'000 * 86'400'000 + 9 * 3'600'000;  // 09:00 UTC
  }
  Balance balance_of(const Key& key) { return Balances(*database).get(key.id); }
  void expect_sound() {
    const LedgerCheck check = Ledger(*database).verify();
    EXPECT_EQ(check.problem, "");
  }
};
RUN_ON_BOTH_BACKENDS(MeterOn);

TEST_P(MeterOn, ReservesAnUpperBoundAndChargesWhatWasUsed) {
  const Key key = add_prepaid_key(100, 1000);
  OwnMeter meter(*database, simple_prices(), clock);
  const Admission admission = meter.reserve({"r1", key.id, "m", 100, 50});
  const auto& reservation = std::get<Reservation>(admission);
  EXPECT_EQ(reservation.reserved_micro, 100 * 2 + 50 * 10);
  EXPECT_EQ(balance_of(key).available_micro(), 400);
  const LedgerEntry charge = meter.settle("r1", {60, 40, 20}, Outcome::complete);
  EXPECT_EQ(charge.granted_micro, -100);  // granted money first
  EXPECT_EQ(charge.topped_up_micro, -(60 + 80 + 200 - 100));
  EXPECT_EQ(charge.price, "2020-01-01");
  EXPECT_EQ(charge.outcome, "complete");
  const Balance balance = balance_of(key);
  EXPECT_EQ(balance.granted_micro, 0);
  EXPECT_EQ(balance.topped_up_micro, 760);
  EXPECT_EQ(balance.reserved_micro, 0);
  expect_sound();
}

TEST_P(MeterOn, AnAbortedStreamPaysForItsTokensAndOneThatNeverRanForNothing) {
  const Key key = add_prepaid_key(1000);
  OwnMeter meter(*database, simple_prices(), clock);
  meter.reserve({"cut", key.id, "m", 10, 50});
  meter.report("cut", {0, 10, 3});
  EXPECT_EQ(meter.settle("cut", {0, 10, 4}, Outcome::aborted).granted_micro, -60);
  meter.reserve({"queued", key.id, "m", 10, 50});
  const LedgerEntry nothing = meter.settle("queued", {}, Outcome::failed);
  EXPECT_EQ(nothing.granted_micro, 0);
  EXPECT_EQ(nothing.outcome, "failed");
  EXPECT_EQ(balance_of(key).total_micro(), 940);
  expect_sound();
}

TEST_P(MeterOn, WhatIsWithdrawnLeavesNeitherRowNorReservation) {
  const Key key = add_prepaid_key(1000);
  OwnMeter meter(*database, simple_prices(), clock);
  meter.reserve({"refused", key.id, "m", 10, 50});
  EXPECT_GT(balance_of(key).reserved_micro, 0);
  meter.withdraw("refused");
  meter.withdraw("refused");
  EXPECT_EQ(balance_of(key).available_micro(), 1000);
  EXPECT_EQ(Ledger(*database).find("refused"), std::nullopt);
  // What has a row keeps it.
  meter.reserve({"paid", key.id, "m", 10, 50});
  meter.settle("paid", {0, 10, 5}, Outcome::complete);
  meter.withdraw("paid");
  EXPECT_NE(Ledger(*database).find("paid"), std::nullopt);
  EXPECT_EQ(balance_of(key).total_micro(), 930);
  expect_sound();
}

TEST_P(MeterOn, RefusesWhatTheBalanceDoesNotCover) {
  const Key key = add_prepaid_key(700);
  OwnMeter meter(*database, simple_prices(), clock);
  EXPECT_TRUE(std::holds_alternative<Reservation>(meter.reserve({"a", key.id, "m", 100, 50})));
  const Admission second = meter.reserve({"b", key.id, "m", 1, 0});
  const auto& refusal = std::get<InsufficientBalance>(second);
  EXPECT_EQ(refusal.required_micro, 2);
  EXPECT_EQ(refusal.available_micro, 0);
  EXPECT_EQ(refusal.currency, "USD");
  meter.settle("a", {0, 100, 49}, Outcome::complete);
  EXPECT_TRUE(std::holds_alternative<Reservation>(meter.reserve({"b", key.id, "m", 1, 0})));
  // A key that pays later is never refused, and what it owes is seen.
  const Key later = add_key("later");
  meter.reserve({"c", later.id, "m", 1000, 1000});
  meter.settle("c", {0, 1000, 1000}, Outcome::complete);
  EXPECT_EQ(balance_of(later).total_micro(), -12'000);
  expect_sound();
}

TEST_P(MeterOn, ThePriceOfTheAdmissionHolds) {
  const Key key = add_prepaid_key(100'000);
  OwnMeter meter(*database, simple_prices(), clock);
  clock.advance(3 * 3'600'000 - 1);  // 11:59:59.999
  meter.reserve({"before", key.id, "m", 0, 10});
  clock.advance(1);
  meter.reserve({"after", key.id, "m", 0, 10});
  EXPECT_EQ(meter.settle("before", {0, 0, 10}, Outcome::complete).granted_micro, -100);
  meter.set_prices(nullptr);
  const LedgerEntry peak = meter.settle("after", {0, 0, 10}, Outcome::complete);
  EXPECT_EQ(peak.granted_micro, -200);
  EXPECT_EQ(peak.price, "2020-01-01 noon");
  EXPECT_EQ(peak.prices.output, 20'000'000);
  meter.reserve({"free", key.id, "m", 0, 10});
  EXPECT_EQ(meter.settle("free", {0, 0, 10}, Outcome::complete).granted_micro, 0);
  expect_sound();
}

TEST_P(MeterOn, ARequestIsChargedOnce) {
  const Key key = add_prepaid_key(10'000);
  OwnMeter meter(*database, simple_prices(), clock);
  meter.reserve({"r", key.id, "m", 10, 10});
  const LedgerEntry first = meter.settle("r", {0, 10, 5}, Outcome::complete);
  const LedgerEntry again = meter.settle("r", {0, 10, 9}, Outcome::complete);
  EXPECT_EQ(again.seq, first.seq);
  EXPECT_EQ(balance_of(key).total_micro(), 10'000 - 70);
  refused(ErrorKind::internal, [&] { meter.reserve({"r", key.id, "m", 10, 10}); });
  refused(ErrorKind::not_found, [&] { meter.settle("never", {}, Outcome::complete); });
  meter.reserve({"s", key.id, "m", 10, 10});
  refused(ErrorKind::internal, [&] { meter.settle("s", {0, 10, 11}, Outcome::complete); });
  refused(ErrorKind::internal, [&] { meter.settle("s", {6, 5, 0}, Outcome::complete); });
  EXPECT_EQ(meter.settle("s", {6, 4, 0}, Outcome::complete).granted_micro, -14);
}

TEST_P(MeterOn, WhatBelongsToAChargeHoldsWithIt) {
  const Key key = add_prepaid_key(10'000);
  OwnMeter meter(*database, simple_prices(), clock);
  meter.reserve({"r", key.id, "m", 10, 10});
  refused(ErrorKind::bad_file, [&] {
    meter.settle("r", {0, 10, 5}, Outcome::complete,
                 [](Connection&) { fail(ErrorKind::bad_file, "cannot be kept"); });
  });
  EXPECT_EQ(balance_of(key).total_micro(), 10'000) << "nor is it charged";
  int calls = 0;
  for (int i = 0; i < 2; ++i)
    meter.settle("r", {0, 10, 5}, Outcome::complete, [&](Connection&) { ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(balance_of(key).total_micro(), 10'000 - 70);
}

TEST_P(MeterOn, PricesAndKeysThatAreNotThereAreRefused) {
  OwnMeter meter(*database, simple_prices(), clock);
  EXPECT_NE(refused(ErrorKind::not_found,
                    [&] {
                      meter.reserve({"r", "key_x", "m", 1, 1});
                    })
                .find("key_x"),
            std::string::npos);
  const Key key = add_key();
  EXPECT_NE(refused(ErrorKind::not_found,
                    [&] {
                      meter.reserve({"r", key.id, "other", 1, 1});
                    })
                .find("model 'other' has no price"),
            std::string::npos);
  const Key yuan = Keys(*database).create({.name = "y", .currency = "CNY"}).key;
  EXPECT_NE(refused(ErrorKind::unsupported,
                    [&] {
                      meter.reserve({"r", yuan.id, "m", 1, 1});
                    })
                .find("CNY"),
            std::string::npos);
}

/// 40 requests that could cost 50 each, of which a balance of 1000 covers 20.
int run_parallel(const StoreLocation& location, const std::string& key_id, const std::string& name,
                 int threads, const Clock& clock) {
  Database database(location);
  OwnMeter meter(database, simple_prices(), clock);
  std::atomic<int> admitted = 0;
  std::vector<std::thread> workers;
  workers.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&, i] {
      const std::string id = concat(name, i);
      if (std::holds_alternative<Reservation>(meter.reserve({id, key_id, "m", 0, 5}))) {
        ++admitted;
        meter.settle(id, {0, 0, 5}, Outcome::complete);
      }
    });
  for (std::thread& worker : workers) worker.join();
  return admitted;
}

TEST_P(MeterOn, FortyThreadsNeverOverdraw) {
  const Key key = add_prepaid_key(400, 600);
  EXPECT_EQ(run_parallel(location, key.id, "t", 40, clock), 20);
  EXPECT_EQ(balance_of(key).total_micro(), 0);
  EXPECT_EQ(Ledger(*database).verify().rows, 22);
  expect_sound();
}

TEST_P(MeterOn, TwoProcessesNeverOverdraw) {
  const Key key = add_prepaid_key(1000);
  std::vector<pid_t> children;
  for (const std::string name : {"one-", "two-"}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        ::_exit(run_parallel(location, key.id, name, 20, clock));
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ::_exit(100);
      }
    }
    children.push_back(child);
  }
  int admitted = 0;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 20) << status;
    admitted += WEXITSTATUS(status);
  }
  EXPECT_EQ(admitted, 20);
  EXPECT_EQ(balance_of(key).total_micro(), 0);
  expect_sound();
}

TEST_P(MeterOn, WhatADeadProcessLeftIsChargedAsFarAsItWasReported) {
  const Key key = add_prepaid_key(10'000);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Database own(location);
    auto* meter = new OwnMeter(own, simple_prices(), clock);
    meter->reserve({"flushed", key.id, "m", 10, 100});
    meter->reserve({"silent", key.id, "m", 10, 100});
    meter->report("flushed", {0, 10, 7});
    meter->flush();
    meter->report("flushed", {0, 10, 9});  // never written
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(balance_of(key).reserved_micro, 2 * 1020);

  OwnMeter meter(*database, simple_prices(), clock);
  meter.reserve({"mine", key.id, "m", 10, 100});
  EXPECT_EQ(meter.recover(), 2);
  EXPECT_EQ(meter.recover(), 0);
  const auto flushed = Ledger(*database).find("flushed");
  ASSERT_TRUE(flushed);
  EXPECT_EQ(flushed->outcome, "recovered");
  EXPECT_EQ(flushed->granted_micro, -90);
  EXPECT_EQ(Ledger(*database).find("silent")->granted_micro, 0);
  EXPECT_FALSE(Ledger(*database).find("mine"));
  EXPECT_EQ(balance_of(key).reserved_micro, 1020);
  EXPECT_EQ(meter.settle("mine", {0, 10, 0}, Outcome::complete).granted_micro, -20);
  expect_sound();
}

TEST_P(MeterOn, ALivingProcessKeepsItsReservations) {
  const Key key = add_prepaid_key(10'000);
  Database second(location);
  OwnMeter other(second, simple_prices(), clock);
  other.reserve({"theirs", key.id, "m", 10, 100});
  OwnMeter meter(*database, simple_prices(), clock);
  EXPECT_EQ(meter.recover(), 0);
  // One on a machine that nobody can look into counts as dead when its lease is over.
  database->write([](Connection& connection) {
    connection.execute(
        "UPDATE owners SET host = 'elsewhere' WHERE id = (SELECT owner FROM "
        "reservations WHERE id = 'theirs')");
  });
  EXPECT_EQ(meter.recover(), 0);
  clock.advance(80'000);
  other.flush();
  clock.advance(80'000);
  EXPECT_EQ(meter.recover(), 0);
  clock.advance(10'001);
  EXPECT_EQ(meter.recover(), 1);
  // It was alive after all: it is told what became of its request.
  EXPECT_EQ(other.settle("theirs", {0, 10, 50}, Outcome::complete).outcome, "recovered");
  expect_sound();
}

TEST_P(MeterOn, UsageIsSummedByDayAndModel) {
  const Key key = add_prepaid_key(100'000);
  OwnMeter meter(*database, simple_prices(), clock);
  for (int day = 0; day < 3; ++day) {
    for (int i = 0; i < 2; ++i) {
      const std::string id = concat("r", day, "-", i);
      meter.reserve({id, key.id, "m", 10, 10});
      meter.settle(id, {4, 6, 5}, Outcome::complete);
    }
    clock.advance(86'400'000);
  }
  const auto first = int32_t((*clock.now_ms - 3 * 86'400'000) / 86'400'000);
  Usage usage(*database);
  const auto days = usage.days(key.id, first, first + 1);
  ASSERT_EQ(days.size(), 2);
  EXPECT_EQ(days[0].requests, 2);
  EXPECT_EQ(days[1].day, first + 1);
  const auto totals = usage.totals(first, first + 10);
  ASSERT_EQ(totals.size(), 1);
  EXPECT_EQ(totals[0].requests, 6);
  EXPECT_EQ(totals[0].tokens.hit, 24);
  EXPECT_EQ(totals[0].tokens.output, 30);
  EXPECT_EQ(totals[0].cost_micro, 6 * (4 + 12 + 50));
  EXPECT_TRUE(usage.totals(first, first + 10, "key_x").empty());
}

}  // namespace
}  // namespace deepseek::store
