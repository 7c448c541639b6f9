// SPDX-License-Identifier: Apache-2.0
#include "serve/store/owner.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/text.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

std::string first_word(const std::filesystem::path& path) {
  std::string word;
  std::ifstream(path) >> word;
  return word;
}

/// Names where process ids mean the same: this boot of this machine, this namespace.
std::string this_host() {
  std::error_code ignored;
  const auto space = std::filesystem::read_symlink("/proc/self/ns/pid", ignored);
  return concat(first_word("/proc/sys/kernel/random/boot_id"), "/", space.string());
}

/// When a process began, in ticks since boot; 0 when there is none of that id. Tells a process
/// from a later one that got its id.
int64_t start_of_process(int64_t pid) {
  std::ifstream file(concat("/proc/", pid, "/stat"));
  std::string line;
  if (!std::getline(file, line)) return 0;
  // The second field is the program's name in parentheses and may hold anything.
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 2)));
  std::string skipped;
  char state = 0;
  fields >> state;
  if (state == 'Z' || state == 'X') return 0;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  int64_t ticks = 0;
  fields >> ticks;
  return ticks;
}

}  // namespace

Owner::Owner(Database& database, Clock clock, int64_t lease_ms)
    : database_(database),
      clock_(std::move(clock)),
      lease_ms_(lease_ms),
      id_(make_id("owner_")),
      host_(this_host()),
      pid_(::getpid()),
      start_ticks_(start_of_process(pid_)) {
  database_.write([&](Connection& connection) { renew(connection); });
}

Owner::~Owner() {
  try {
    database_.write([&](Connection& connection) {
      connection.execute("DELETE FROM owners WHERE id = ?", {id_});
    });
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // The store is away; the process dies or the lease runs out, and others see it then.
  }
}

void Owner::renew(Connection& connection) const {
  connection.execute(
      "INSERT INTO owners (id, host, pid, start_ticks, lease_until_ms) VALUES (?, ?, ?, ?, ?) "
      "ON CONFLICT (id) DO UPDATE SET lease_until_ms = excluded.lease_until_ms",
      {id_, host_, pid_, start_ticks_, clock_() + lease_ms_});
}

std::set<std::string> Owner::living(Connection& connection) const {
  std::set<std::string> living{id_};
  const int64_t now_ms = clock_();
  for (const Row& row :
       connection.query("SELECT id, host, pid, start_ticks, lease_until_ms FROM owners")) {
    const bool near = row.text(1) == host_;
    const bool lives =
        near ? start_of_process(row.integer(2)) == row.integer(3) : row.integer(4) > now_ms;
    if (lives) living.insert(row.text(0));
  }
  return living;
}

void Owner::forget_dead(Connection& connection) const {
  const std::set<std::string> alive = living(connection);
  for (const Row& row : connection.query("SELECT id FROM owners"))
    if (!alive.contains(row.text(0)))
      connection.execute("DELETE FROM owners WHERE id = ?", {row.text(0)});
}

}  // namespace deepseek::store
