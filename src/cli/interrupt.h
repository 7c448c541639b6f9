// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deepseek::cli {

/// Installs what Ctrl-C does: ends the process with exit code 130, except inside an InterruptScope.
/// Writing to a closed pipe becomes an error of the write instead of a signal.
void handle_signals();

/// While one lives, the first Ctrl-C is only noted, for the work to end in good order; a second one
/// ends the process.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
};

/// Whether Ctrl-C came since the outermost scope began, or since clear_interrupt.
bool interrupted();
void clear_interrupt();
/// Throws interrupted when interrupted().
void throw_if_interrupted();

}  // namespace deepseek::cli
