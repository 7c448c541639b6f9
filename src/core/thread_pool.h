// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace deepseek {

/// A fixed set of threads that run one parallel loop at a time. Workers spin briefly between loops,
/// since a decoded token needs a few hundred of them, then sleep; without spinning where there are
/// more threads than CPUs, as one that spins keeps another from its work.
class ThreadPool {
 public:
  /// `threads` counts the calling thread; at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls `body(begin, end, thread)` over disjoint parts of [0, count), each at most `grain` long,
  /// handed out in order to whichever thread is free; thread is in [0, threads()). Returns when
  /// all are done and rethrows the first failure. A loop started inside a loop runs serially.
  void parallel_for(int64_t count, int64_t grain,
                    const std::function<void(int64_t, int64_t, int)>& body);

 private:
  void work(int thread);
  void run_parts(int thread);

  int spins_before_sleep_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::mutex loop_mutex_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> stop_{false};
  const std::function<void(int64_t, int64_t, int)>* body_ = nullptr;
  int64_t count_ = 0, grain_ = 1;
  std::atomic<int64_t> next_{0};
  std::atomic<int> unfinished_{0};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

/// The pool that ops use: as many threads as the process may run on, until set_threads.
ThreadPool& compute_pool();

/// Replaces the compute pool. Must not be called while it runs a loop. `threads` in [1, 1024].
void set_compute_threads(int threads);

/// CPUs the process may run on.
int available_cpus();

}  // namespace deepseek
