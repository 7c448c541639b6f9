// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace deepseek::serve {

/// Threads on which handlers run, in the order they were given. What waits is bounded by the
/// connections, each of which has one request in work.
class HandlerPool {
 public:
  ~HandlerPool() { stop(); }

  void start(int threads);
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
