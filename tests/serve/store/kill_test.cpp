// SPDX-License-Identifier: Apache-2.0
// kill -9 at random points loses and doubles nothing. DEEPSEEK_KILLS=1000 kills that often.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "core/text.h"
#include "serve/store/keys.h"
#include "serve/store/meter.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::store {
namespace {

using deepseek::testing::TemporaryFolder;

/// What workers had been told is kept, over the life of one store.
struct Confirmed {
  int64_t granted_micro = 0;
  std::set<std::string> reserved;
  std::map<std::string, int64_t> flushed;  // id to output tokens
  std::map<std::string, int64_t> charged;  // id to change of balance

  void read(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      std::string what, id;
      int64_t number = 0;
      words >> what;
      if (what == "grant") {
        words >> number;
        granted_micro += number;
        continue;
      }
      words >> id >> number;
      if (what == "reserved") reserved.insert(id);
      if (what == "flushed") flushed[id] = number;
      if (what == "charged") {
        EXPECT_FALSE(charged.contains(id));
        charged[id] = number;
      }
    }
  }
};

/// Runs a worker, kills it `delay_us` after it is ready, and answers what it had said.
std::string run_and_kill(const std::string& data_path, const std::string& key_id, int delay_us) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execl(KILL_WORKER, KILL_WORKER, data_path.c_str(), key_id.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 4096> chunk{};
  const auto read_some = [&] {
    const ssize_t got = ::read(pipe[0], chunk.data(), chunk.size());
    if (got > 0) said.append(chunk.data(), size_t(got));
    return got > 0;
  };
  while (said.find("ready\n") == std::string::npos && read_some()) {
  }
  EXPECT_NE(said.find("ready\n"), std::string::npos) << "the worker did not start";
  // A pipe that is full would hold the worker up, so it is emptied while time passes.
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(delay_us);
  for (auto now = std::chrono::steady_clock::now(); now < end;
       now = std::chrono::steady_clock::now()) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(end - now).count();
    const timespec wait{0, left};
    pollfd waiting{pipe[0], POLLIN, 0};
    if (::ppoll(&waiting, 1, &wait, nullptr) > 0 && !read_some()) break;
  }
  ::kill(child, SIGKILL);
  while (read_some()) {
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the worker ended by itself: " << status;
  return said;
}

void check(Database& database, const std::string& key_id, const Confirmed& confirmed) {
  const Owner owner(database);
  Meter meter(database, owner, nullptr);
  meter.recover();
  Ledger ledger(database);
  const LedgerCheck verdict = ledger.verify();
  ASSERT_EQ(verdict.problem, "");
  const Balance balance = Balances(database).get(key_id);
  ASSERT_EQ(balance.reserved_micro, 0);
  ASSERT_GE(balance.total_micro(), 0);
  std::map<std::string, LedgerEntry> charges;
  int64_t sum = 0, granted = 0;
  ledger.each(0, key_id, [&](const LedgerEntry& entry) {
    sum += entry.granted_micro + entry.topped_up_micro;
    if (entry.kind == "grant") granted += entry.granted_micro;
    if (entry.kind != "charge") return;
    EXPECT_TRUE(charges.emplace(entry.entry_id, entry).second) << entry.entry_id << " twice";
  });
  ASSERT_EQ(sum, balance.total_micro());
  // What was in flight when the kill came may be there too, but only by whole grants.
  ASSERT_GE(granted, confirmed.granted_micro);
  for (const auto& [id, micro] : confirmed.charged) {
    ASSERT_TRUE(charges.contains(id)) << id << " was lost";
    const LedgerEntry& entry = charges.at(id);
    ASSERT_EQ(entry.granted_micro + entry.topped_up_micro, micro);
  }
  for (const std::string& id : confirmed.reserved)
    ASSERT_TRUE(charges.contains(id)) << id << " was reserved and never ended";
  for (const auto& [id, output] : confirmed.flushed)
    ASSERT_GE(charges.at(id).tokens.output, output) << id;
}

TEST(Kill, AtRandomPointsLosesAndDoublesNothing) {
  const char* wanted = std::getenv("DEEPSEEK_KILLS");
  const int kills = wanted == nullptr ? 40 : std::atoi(wanted);
  constexpr int kills_a_store = 50;
  std::mt19937 random(std::random_device{}());
  int recovered = 0, charged = 0;
  for (int done = 0; done < kills;) {
    const TemporaryFolder folder;
    const std::string data_path = folder.path().string();
    std::string key_id;
    {
      Database database({.data_path = data_path});
      key_id =
          Keys(database).create({.name = "k", .prepaid = true, .granted_micro = 20'000}).key.id;
    }
    Confirmed confirmed;
    confirmed.granted_micro = 20'000;
    for (int round = 0; round < kills_a_store && done < kills; ++round, ++done) {
      confirmed.read(run_and_kill(data_path, key_id, int(random() % 100'000)));
      Database database({.data_path = data_path});
      check(database, key_id, confirmed);
      if (HasFatalFailure()) return;
    }
    Database database({.data_path = data_path});
    Ledger(database).each(0, key_id, [&](const LedgerEntry& entry) {
      if (entry.outcome == "recovered") ++recovered;
      if (entry.kind == "charge") ++charged;
    });
  }
  std::printf("%d kills, %d requests charged, %d of them recovered\n", kills, charged, recovered);
}

}  // namespace
}  // namespace deepseek::store
