// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace deepseek::serve {

/// Threads that run what they are given, in that order. What waits is bounded by the
/// connections, each of which has one request in work.
class HandlerPool {
 public:
  ~HandlerPool() { stop(); }

  /// `name`: of the threads, at most 15 bytes.
  void start(int threads, const char* name);
  void post(std::function<void()> work);
  /// Finishes what runs, drops what waits, joins.
  void stop();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace deepseek::serve
