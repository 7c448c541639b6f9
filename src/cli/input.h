// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/console.h"
#include "cli/flags.h"

namespace deepseek::cli {

/// Everything on standard input.
std::string read_standard_input();

/// --text, --file, or standard input. Throws invalid_input when both flags are given.
std::string text_input(const Flags& flags);

/// Lines of standard input, split on '\n' alone.
class LineReader {
 public:
  /// Absent at the end. `before_waiting` is called when no whole line is at hand yet.
  std::optional<std::string> next(const std::function<void()>& before_waiting);

 private:
  std::string buffer_;
  size_t at_ = 0;
  bool ended_ = false;
};

/// Answers each line of standard input with one line: what `answer` makes of its text, or
/// {"error": "…"} when it throws an Error. Flushed before waiting for more.
void answer_lines(Console& console,
                  const std::function<nlohmann::json(const std::string& line)>& answer);

}  // namespace deepseek::cli
