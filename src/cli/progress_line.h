// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "cli/messages.h"
#include "core/progress.h"

namespace deepseek::cli {

/// What one report says: "downloading: 1.20 GiB of 4.00 GiB (30%), 11.0 MiB/s, 4:13 left".
std::string progress_text(Language language, const Progress& progress, double elapsed_s);

/// Shows reports of work that takes longer than a second on standard error.
class ProgressLine {
 public:
  /// `in_place`: standard error is a terminal whose line may be rewritten.
  ProgressLine(Language language, bool in_place) : language_(language), in_place_(in_place) {}
  ~ProgressLine();

  void show(const Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  void clear();

  Language language_;
  bool in_place_;
  bool shown_ = false;
  std::string task_;
  int64_t first_done_ = 0;
  Clock::time_point start_{}, last_{};
};

}  // namespace deepseek::cli
