// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/error.h"
#include "serve/store/database.h"
#include "serve/store/keys.h"
#include "serve/store/meter.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::testing {

/// Time that stands still until a test moves it.
struct ManualClock {
  std::shared_ptr<int64_t> now_ms = std::make_shared<int64_t>(1'760'000'000'000);
  operator store::Clock() const {  // NOLINT: stands in for a clock everywhere
    return [now = now_ms] { return *now; };
  }
  void advance(int64_t ms) { *now_ms += ms; }
};

/// A meter of a process of its own.
struct OwnMeter : store::Owner, store::Meter {
  OwnMeter(store::Database& database, std::shared_ptr<const store::PriceList> prices,
           const store::Clock& clock = store::system_clock_ms)
      : Owner(database, clock), Meter(database, *this, std::move(prices), clock) {}
};

/// A test of an empty store, on each back end in turn; skipped where PostgreSQL is not installed.
class OnBothBackends : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;

  store::Key add_key(const std::string& name = "alice");
  store::Key add_prepaid_key(int64_t granted_micro, int64_t topped_up_micro = 0);

  TemporaryFolder folder;
  store::StoreLocation location;
  std::unique_ptr<store::Database> database;
  ManualClock clock;
};

#define RUN_ON_BOTH_BACKENDS(Suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(Backends, Suite, ::testing::Values("sqlite", "postgres"), \
                           [](const auto& info) { return info.param; })

/// Runs `body`, which must throw an Error of this kind, and answers its message.
template <class Body>
std::string refused(ErrorKind kind, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error_kind_name(error.kind()), error_kind_name(kind)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return "";
}

}  // namespace deepseek::testing
