// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace deepseek {

/// One report of work under way. Libraries emit these; faces decide how to show them.
struct Progress {
  std::string task;  // "loading", "converting", "downloading"
  int64_t done = 0;
  int64_t total = 0;  // 0 when unknown
  std::string unit;   // "bytes", "tokens"
};

/// May be empty. Called from the thread that does the work.
using ProgressSink = std::function<void(const Progress&)>;

/// A remark for the person at the keyboard: memory a choice costs, a file that is being repaired.
using NoticeSink = std::function<void(const std::string&)>;

}  // namespace deepseek
