// SPDX-License-Identifier: Apache-2.0
// Charges requests until it is killed: store_kill_worker DATA_PATH KEY_ID. A line on standard
// output says what the store had confirmed:
//   grant MICRO | reserved ID | flushed ID OUTPUT_TOKENS | charged ID MICRO
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/random.h"
#include "core/text.h"
#include "serve/store/digest.h"
#include "serve/store/meter.h"

namespace {

using namespace deepseek;
using namespace deepseek::store;

constexpr const char* prices_yaml = R"(
currency: USD
models:
  m:
    - {from: 2020-01-01, hit: 1, miss: 2, output: 10}
)";

void say(const std::string& line) {
  // One write each, so that a line is there whole or not at all.
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) != ssize_t(text.size())) ::_exit(3);
}

void work(Database& database, Meter& meter, const std::string& key_id, uint64_t seed) {
  const CounterRandom random(seed, 0);
  for (uint64_t step = 0;; ++step) {
    const auto draw = [&](uint64_t n, int64_t most) {
      return int64_t(random.uniform(step * 4 + n) * double(most));
    };
    if (draw(0, 8) == 0) {
      Balances(database).credit(key_id, Credit::grant, 5000, "");
      say("grant 5000");
    }
    const std::string id = make_id("req_");
    if (std::holds_alternative<InsufficientBalance>(meter.reserve({id, key_id, "m", 20, 100})))
      continue;
    say(concat("reserved ", id));
    const int64_t reported = draw(1, 50);
    if (draw(2, 2) == 0) {
      meter.report(id, {0, 20, reported});
      meter.flush();
      say(concat("flushed ", id, " ", reported));
    }
    const LedgerEntry row = meter.settle(id, {5, 15, reported + draw(3, 50)},
                                         draw(2, 4) == 3 ? Outcome::aborted : Outcome::complete);
    say(concat("charged ", id, " ", row.granted_micro + row.topped_up_micro));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    Database database({.data_path = argv[1]});
    const Owner owner(database);
    Meter meter(database, owner,
                std::make_shared<PriceList>(PriceList::parse(prices_yaml, "prices")));
    meter.recover();
    say("ready");
    const auto seed = uint64_t(::getpid()) * 2654435761U + uint64_t(system_clock_ms());
    std::thread second([&] { work(database, meter, argv[2], seed + 1); });
    work(database, meter, argv[2], seed);
    second.join();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
