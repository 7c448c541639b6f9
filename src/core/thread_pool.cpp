// SPDX-License-Identifier: Apache-2.0
#include "core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <memory>

#include "core/error.h"

namespace deepseek {
namespace {

thread_local bool inside_loop = false;

/// About 50 microseconds: longer than the serial gaps inside one decoded token.
constexpr int most_spins = 20000;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

std::unique_ptr<ThreadPool>& pool_slot() {
  static std::unique_ptr<ThreadPool> pool;
  return pool;
}

std::mutex& pool_mutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  if (threads < 1 || threads > 1024)
    fail(ErrorKind::invalid_input, "threads: expected 1 to 1024, got ", threads);
  spins_before_sleep_ = threads > available_cpus() ? 0 : most_spins;
  workers_.reserve(static_cast<size_t>(threads) - 1);
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    ++generation_;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_parts(int thread) {
  inside_loop = true;
  try {
    for (;;) {
      const int64_t begin = next_.fetch_add(grain_);
      if (begin >= count_) break;
      (*body_)(begin, std::min(begin + grain_, count_), thread);
    }
  } catch (...) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
    next_ = count_;
  }
  inside_loop = false;
}

void ThreadPool::work(int thread) {
  uint64_t seen = 0;
  for (;;) {
    for (int i = 0; i < spins_before_sleep_ && generation_.load() == seen; ++i) relax();
    if (generation_.load() == seen) {
      std::unique_lock lock(mutex_);
      ++sleeping_;
      wake_.wait(lock, [&] { return generation_.load() != seen; });
      --sleeping_;
    }
    seen = generation_.load();
    if (stop_) return;
    run_parts(thread);
    unfinished_.fetch_sub(1);
  }
}

void ThreadPool::parallel_for(int64_t count, int64_t grain,
                              const std::function<void(int64_t, int64_t, int)>& body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  if (inside_loop || workers_.empty() || count <= grain) {
    for (int64_t begin = 0; begin < count; begin += grain)
      body(begin, std::min(begin + grain, count), 0);
    return;
  }
  const std::lock_guard one_loop(loop_mutex_);
  body_ = &body;
  count_ = count;
  grain_ = grain;
  next_ = 0;
  failure_ = nullptr;
  unfinished_ = static_cast<int>(workers_.size());
  {
    const std::lock_guard lock(mutex_);
    ++generation_;
  }
  if (sleeping_.load() > 0) wake_.notify_all();
  run_parts(0);
  for (int i = 0; unfinished_.load() > 0; ++i) {
    if (i < spins_before_sleep_)
      relax();
    else
      std::this_thread::yield();
  }
  if (failure_) std::rethrow_exception(failure_);
}

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadPool& compute_pool() {
  const std::lock_guard lock(pool_mutex());
  auto& pool = pool_slot();
  if (!pool) pool = std::make_unique<ThreadPool>(available_cpus());
  return *pool;
}

void set_compute_threads(int threads) {
  const std::lock_guard lock(pool_mutex());
  auto& pool = pool_slot();
  if (pool && pool->threads() == threads) return;
  pool.reset();
  pool = std::make_unique<ThreadPool>(threads);
}

}  // namespace deepseek
