// SPDX-License-Identifier: Apache-2.0
#include "cli/input.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace deepseek::cli {
namespace {

/// Appends what is there; false at the end.
bool read_some(std::string& text) {
  std::array<char, 65536> chunk;
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorKind::bad_file, "standard input: cannot read: ", std::strerror(errno));
    text.append(chunk.data(), size_t(got));
    return got > 0;
  }
}

}  // namespace

std::string read_standard_input() {
  std::string text;
  while (read_some(text)) {
  }
  return text;
}

std::string text_input(const Flags& flags) {
  if (flags.given("text") && flags.given("file"))
    fail(ErrorKind::invalid_input, "--text and --file: give one of them");
  if (const auto text = flags.text("text")) return *text;
  if (const auto file = flags.text("file")) return read_input_file(*file);
  return read_standard_input();
}

std::optional<std::string> LineReader::next(const std::function<void()>& before_waiting) {
  size_t searched = at_;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(at_, end - at_);
      at_ = end + 1;
      return line;
    }
    if (ended_) {
      if (at_ == buffer_.size()) return std::nullopt;
      std::string line = buffer_.substr(at_);
      at_ = buffer_.size();
      return line;
    }
    buffer_.erase(0, at_);
    at_ = 0;
    searched = buffer_.size();
    before_waiting();
    ended_ = !read_some(buffer_);
  }
}

void answer_lines(Console& console,
                  const std::function<nlohmann::json(const std::string& line)>& answer) {
  LineReader lines;
  const auto flush = [&] { console.flush(); };
  const ProgressSink progress = console.progress();
  int64_t answered = 0;
  while (const auto line = lines.next(flush)) {
    nlohmann::json result;
    try {
      result = answer(*line);
    } catch (const Error& error) {
      result = {{"error", error.what()}};
    }
    console.line(result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    progress({"answering", ++answered, 0, "lines"});
  }
}

}  // namespace deepseek::cli
