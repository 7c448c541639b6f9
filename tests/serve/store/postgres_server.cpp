// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/store/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "core/error.h"
#include "serve/store/postgres.h"

namespace deepseek::testing {
namespace {

namespace fs = std::filesystem;

/// The folder of the newest installed server; empty where there is none.
fs::path find_programs() {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ignored))
    if (fs::exists(version.path() / "bin/postgres")) found.push_back(version.path() / "bin");
  std::sort(found.begin(), found.end());
  return found.empty() ? fs::path() : found.back();
}

}  // namespace

PostgresServer* PostgresServer::instance() {
  static const std::unique_ptr<PostgresServer> server = [] {
    const fs::path programs = find_programs();
    return std::unique_ptr<PostgresServer>(programs.empty() ? nullptr
                                                            : new PostgresServer(programs));
  }();
  return server.get();
}

PostgresServer::PostgresServer(fs::path programs)
    : programs_(std::move(programs)), user_(::getuid()), group_(::getgid()) {
  if (user_ == 0) {
    const passwd* entry = ::getpwnam("postgres");
    if (entry == nullptr) entry = ::getpwnam("nobody");
    if (entry == nullptr) throw std::runtime_error("no user to run PostgreSQL as");
    user_ = entry->pw_uid;
    group_ = entry->pw_gid;
  }
  // Short, since the path of a UNIX socket has at most 107 bytes.
  std::string name = "/tmp/deepseek-pg-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr || ::chown(name.c_str(), user_, group_) != 0)
    throw std::runtime_error("cannot make a folder for PostgreSQL");
  folder_ = name;
  const std::string data = (folder_ / "data").string();
  int status = 0;
  ::waitpid(start("initdb", {"-D", data, "-U", "deepseek", "-A", "trust", "-E", "UTF8",
                             "--locale=C.UTF-8", "--no-sync"}),
            &status, 0);
  if (status != 0) throw std::runtime_error("initdb failed");
  server_ =
      start("postgres", {"-D", data, "-k", folder_.string(), "-c", "listen_addresses=", "-c",
                         "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=120"});
  for (int attempt = 0;; ++attempt) {
    try {
      store::open_postgres(url("public"), 1000);
      return;
    } catch (const Error& error) {
      if (attempt == 600) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

PostgresServer::~PostgresServer() {
  if (server_ > 0) {
    ::kill(server_, SIGQUIT);
    ::waitpid(server_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

pid_t PostgresServer::start(const std::string& program,
                            const std::vector<std::string>& arguments) const {
  std::vector<std::string> words{(programs_ / program).string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child > 0) return child;
  const int silence = ::open("/dev/null", O_RDWR);
  for (const int stream : {0, 1, 2}) ::dup2(silence, stream);
  if (::getuid() == 0 &&
      (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0))
    ::_exit(126);
  // Dies with the test, even one that is killed.
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (::chdir(folder_.c_str()) != 0) ::_exit(126);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

std::string PostgresServer::url(const std::string& schema) const {
  return "postgresql:///postgres?user=deepseek&host=" + folder_.string() +
         "&options=-csearch_path%3D" + schema;
}

std::string PostgresServer::new_database() {
  const std::string name = "test_" + std::to_string(++databases_);
  store::open_postgres(url("public"), 5000)->run_script("CREATE SCHEMA " + name);
  return url(name);
}

void PostgresServer::end_sessions() {
  store::open_postgres(url("public"), 5000)
      ->query(
          // Until each has ended.
          "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
          "WHERE pid <> pg_backend_pid() AND usename = 'deepseek'");
}

}  // namespace deepseek::testing
