// SPDX-License-Identifier: Apache-2.0
#include "cli/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

#include "core/machine_memory.h"
#include "core/thread_pool.h"

namespace deepseek::cli {
namespace {

constexpr int64_t largest_buffer_bytes = int64_t{256} << 20;
constexpr int passes = 6;

/// Four chains, so that the additions do not bound what the loads could do.
uint64_t sum(const uint64_t* words, int64_t count) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  int64_t i = 0;
  for (; i + 32 <= count; i += 32)
    for (int64_t j = 0; j < 32; j += 4) {
      a += words[i + j];
      b += words[i + j + 1];
      c += words[i + j + 2];
      d += words[i + j + 3];
    }
  for (; i < count; ++i) a += words[i];
  return a + b + c + d;
}

}  // namespace

double memory_read_bandwidth(int threads) {
  using Clock = std::chrono::steady_clock;
  const int64_t available = machine_memory().available_bytes;
  int64_t bytes = largest_buffer_bytes;
  if (available > 0) bytes = std::min(bytes, available / 4);
  const int64_t count = std::max<int64_t>(bytes, 1 << 20) / 8;
  const auto words = std::make_unique<uint64_t[]>(size_t(count));
  ThreadPool pool(threads);
  std::atomic<uint64_t> total{0};
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const Clock::time_point start = Clock::now();
    pool.parallel_for(count, int64_t{1} << 17, [&](int64_t begin, int64_t end, int) {
      total += sum(words.get() + begin, end - begin);
    });
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    best = std::max(best, double(count) * 8 / elapsed.count());
  }
  // The sums must be used, or the loop could be left out.
  return total.load() == 1 ? 0 : best;
}

}  // namespace deepseek::cli
