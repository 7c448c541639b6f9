// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "serve/http/server.h"

namespace deepseek::serve {

/// One line of JSON for a request: ids, route, status, times, token counts; never bodies, queries,
/// prompts or keys.
std::string access_line(const RequestRecord& record);

/// Lines written by a thread of their own; when the disk or pipe is slow the oldest waiting lines
/// are dropped and counted.
class AccessLog {
 public:
  /// To standard error when `path` is empty, else appended to the file. Throws invalid_input when
  /// the file does not open.
  explicit AccessLog(const std::filesystem::path& path = {});
  /// Writes what waits.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void write(const RequestRecord& record);
  /// {"time":…,"level":"notice","message":…}
  void notice(const std::string& message);
  int64_t dropped_lines() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deepseek::serve
