// SPDX-License-Identifier: Apache-2.0
#include "cli/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cli/progress_line.h"
#include "core/error.h"

namespace deepseek::cli {
namespace {

constexpr size_t buffer_bytes = size_t{1} << 14;

bool no_color_set() {
  const char* value = std::getenv("NO_COLOR");
  return value != nullptr && *value != '\0';
}

}  // namespace

Console::Console(Language language, bool json)
    : language_(language),
      json_(json),
      input_is_terminal_(::isatty(STDIN_FILENO) == 1),
      output_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      error_is_terminal_(::isatty(STDERR_FILENO) == 1),
      style_allowed_(!no_color_set()) {}

void Console::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= buffer_bytes) flush();
}

void Console::line(std::string_view text) {
  write(text);
  write("\n");
}

void Console::flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      buffer_.clear();
      if (error == EPIPE) throw OutputClosed{};
      fail(ErrorKind::out_of_memory, "standard output: cannot write: ", std::strerror(error));
    }
    left.remove_prefix(size_t(written));
  }
  buffer_.clear();
}

void Console::error_line(std::string_view text) {
  const std::string line = concat(text, "\n");
  // Nothing can be said about standard error when standard error is gone.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

void Console::notice(std::string_view text) { error_line(concat("deepseek: ", text)); }

ProgressSink Console::progress() {
  auto line = std::make_shared<ProgressLine>(language_, error_has_style());
  return [line](const Progress& progress) { line->show(progress); };
}

NoticeSink Console::notices() {
  return [this](const std::string& text) { notice(text); };
}

}  // namespace deepseek::cli
