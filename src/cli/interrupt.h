// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deepseek::cli {

/// Installs what Ctrl-C does: ends the process with exit code 130, except inside an InterruptScope.
/// Writing to a closed pipe becomes an error of the write instead of a signal.
void handle_signals();

/// While one lives, the first Ctrl-C is only noted, for the work to end in good order; a second one
/// ends the process. With a `warning`, the second one writes it to standard error and a third one
/// ends the process. Scopes may nest; the outermost decides.
class InterruptScope {
 public:
  /// `warning` has to outlive the scope.
  explicit InterruptScope(const char* warning = nullptr);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
};

/// Whether Ctrl-C came since the outermost scope began, or since clear_interrupt.
bool interrupted();
void clear_interrupt();
/// Throws interrupted when interrupted().
void throw_if_interrupted();

/// From now on a signal that ends the process first gives the terminal on standard input the modes
/// it has now, and writes `farewell`, which undoes what was switched on, to standard error.
/// `farewell` has to outlive the process.
void guard_terminal(const char* farewell);

}  // namespace deepseek::cli
