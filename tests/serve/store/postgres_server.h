// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace deepseek::testing {

/// A PostgreSQL server of this process alone: data in a temporary folder, a UNIX socket, no
/// network. It refuses to run as root, so a root caller starts it as `postgres`, else `nobody`.
class PostgresServer {
 public:
  /// The one of this process, started by the first call; null where PostgreSQL is not installed.
  static PostgresServer* instance();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// The URL of a new, empty schema, which is as good as a database and much faster to make.
  std::string new_database();
  /// Ends every session, as a restarting server does.
  void end_sessions();

 private:
  explicit PostgresServer(std::filesystem::path programs);
  std::string url(const std::string& schema) const;
  pid_t start(const std::string& program, const std::vector<std::string>& arguments) const;

  std::filesystem::path programs_, folder_;
  uid_t user_;
  gid_t group_;
  pid_t server_ = -1;
  int databases_ = 0;
};

}  // namespace deepseek::testing
