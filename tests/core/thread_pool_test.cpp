// SPDX-License-Identifier: Apache-2.0
#include "core/thread_pool.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"

namespace deepseek {
namespace {

TEST(ThreadPool, VisitsEveryIndexOnceWhateverTheThreads) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const int64_t count : {0, 1, 7, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
      pool.parallel_for(count, 3, [&](int64_t begin, int64_t end, int thread) {
        EXPECT_LT(thread, threads);
        EXPECT_LE(end - begin, 3);
        for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
      });
      for (const auto& n : seen) EXPECT_EQ(n.load(), 1);
    }
  }
}

TEST(ThreadPool, RethrowsAFailureAndGoesOn) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(100, 1,
                                 [](int64_t i, int64_t, int) {
                                   if (i == 13) throw Error(ErrorKind::internal, "x");
                                 }),
               Error);
  std::atomic<int> sum = 0;
  pool.parallel_for(10, 1, [&](int64_t i, int64_t, int) { sum += static_cast<int>(i); });
  EXPECT_EQ(sum.load(), 45);
}

TEST(ThreadPool, RunsANestedLoopSerially) {
  ThreadPool pool(2);
  std::atomic<int> count = 0;
  pool.parallel_for(4, 1, [&](int64_t, int64_t, int) {
    pool.parallel_for(5, 1, [&](int64_t, int64_t, int) { ++count; });
  });
  EXPECT_EQ(count.load(), 20);
}

}  // namespace
}  // namespace deepseek
