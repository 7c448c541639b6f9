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

bool terminal_is_dumb() {
  const char* value = std::getenv("TERM");
  return value == nullptr || *value == '\0' || std::string_view(value) == "dumb";
}

std::string terminal_text(std::string_view text) {
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string shown;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool high_control = byte == 0xc2 && i + 1 < text.size() &&
                              static_cast<unsigned char>(text[i + 1]) < 0xa0;  // U+0080 to U+009F
    if (high_control) ++i;
    if (high_control || byte == 0x7f ||
        (byte < ' ' && std::string_view("\n\t\r").find(text[i]) == std::string_view::npos))
      shown += replacement;
    else if (byte != '\r')
      shown += text[i];
  }
  return shown;
}

Console::Console(Language language, bool json)
    : language_(language),
      json_(json),
      input_is_terminal_(::isatty(STDIN_FILENO) == 1),
      output_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      error_is_terminal_(::isatty(STDERR_FILENO) == 1),
      style_allowed_(!no_color_set() && !terminal_is_dumb()) {}

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
