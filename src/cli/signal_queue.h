// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <initializer_list>
#include <utility>
#include <vector>

namespace deepseek::cli {

/// Signals as something to wait for beside a file: between start() and stop() they do nothing but
/// make descriptor() readable. It does not matter which thread the system picks for them, and none
/// is lost between looking and waiting. At most one queue is started at a time.
class SignalQueue {
 public:
  explicit SignalQueue(std::initializer_list<int> signals);
  ~SignalQueue();
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  void start();
  /// Signals act as before start() again, those that were not taken at once.
  void stop();

  int descriptor() const { return read_end_; }
  /// The number of the next signal, or 0 when none waits.
  int take();

 private:
  std::vector<std::pair<int, struct sigaction>> before_;  // signal, what it did
  int read_end_ = -1, write_end_ = -1;
  bool started_ = false;
};

}  // namespace deepseek::cli
