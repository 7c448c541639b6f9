// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/interrupt.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

void write_error(const std::string& text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string amount_text(double amount, const std::string& unit) {
  if (unit == "bytes") return size_text(uint64_t(std::max(0.0, amount)));
  char digits[32];
  std::snprintf(digits, sizeof digits, amount < 100 ? "%.1f" : "%.0f", amount);
  return concat(digits, " ", unit);
}

std::string count_text(int64_t count, const std::string& unit) {
  return unit == "bytes" ? size_text(uint64_t(std::max<int64_t>(0, count)))
                         : concat(count, " ", unit);
}

std::string duration_text(double seconds) {
  const int64_t whole = int64_t(std::min(seconds + 0.5, 1e9));
  char text[32];
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", (long long)(whole / 3600),
                  (long long)(whole / 60 % 60), (long long)(whole % 60));
  else
    std::snprintf(text, sizeof text, "%lld:%02lld", (long long)(whole / 60),
                  (long long)(whole % 60));
  return text;
}

}  // namespace

std::string progress_text(Language language, const Progress& progress, double elapsed_s) {
  const double rate = elapsed_s > 0 ? double(progress.done) / elapsed_s : 0;
  const std::string rate_text = amount_text(rate, progress.unit) + "/s";
  const std::string done = count_text(progress.done, progress.unit);
  if (progress.total <= 0) return say(language, "progress.open", progress.task, done, rate_text);
  const int64_t percent = 100 * std::min(progress.done, progress.total) / progress.total;
  const double left_s = rate > 0 ? double(progress.total - progress.done) / rate : 0;
  return say(language, "progress.bounded", progress.task, done,
             count_text(progress.total, progress.unit), percent, rate_text,
             rate > 0 ? duration_text(std::max(0.0, left_s)) : "?");
}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::clear() {
  if (shown_ && in_place_) write_error("\r\x1b[K");
  shown_ = false;
}

void ProgressLine::show(const Progress& progress) {
  throw_if_interrupted();
  const Clock::time_point now = Clock::now();
  if (task_ != progress.task) {
    clear();
    task_ = progress.task;
    first_done_ = progress.done;
    start_ = last_ = now;
  }
  if (progress.total > 0 && progress.done >= progress.total) {
    clear();
    return;
  }
  const std::chrono::duration<double> elapsed = now - start_;
  const std::chrono::duration<double> quiet = now - last_;
  if (elapsed.count() < 1 || quiet.count() < (in_place_ ? 0.1 : 10)) return;
  last_ = now;
  // What was there before the first report, such as the part of a file from an earlier run, is no
  // part of the rate.
  const double rate_share =
      progress.done > 0 ? double(progress.done - first_done_) / double(progress.done) : 1;
  const std::string text =
      progress_text(language_, progress, rate_share > 0 ? elapsed.count() / rate_share : 0);
  write_error(in_place_ ? concat("\r", text, "\x1b[K") : concat("deepseek: ", text, "\n"));
  shown_ = true;
}

}  // namespace deepseek::cli
