// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "tests/cli/run_deepseek.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::testing {

/// The built binary at a terminal of its own, 24 lines of 80 columns. Nothing here waits for an
/// amount of time: `see` waits for output, with a deadline that only a hanging program reaches.
class Terminal {
 public:
  /// `call.input` and `call.output_path` are not used. TERM is xterm unless given.
  explicit Terminal(const Call& call);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(std::string_view keys);
  void resize(int rows, int columns) const;
  void signal(int number) const;

  /// Whether `text` comes, after what the calls before have seen.
  bool see(std::string_view text);
  /// What was shown before the text that the last see() found, from the end of the one before.
  const std::string& before() const { return before_; }
  /// The exit code, or -signal, once the program has ended; -1000 when it does not.
  int end();
  /// Everything shown since the start.
  const std::string& shown() const { return shown_; }

 private:
  /// False at the end of the output or at the deadline.
  bool read_more();

  TemporaryFolder home_;
  pid_t child_ = -1;
  int master_ = -1;
  std::string shown_, before_;
  size_t seen_ = 0;
  bool hangs_ = false;  // the deadline has passed once
};

}  // namespace deepseek::testing
