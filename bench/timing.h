// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <algorithm>
#include <vector>

#include "core/thread_pool.h"

namespace deepseek::bench {

/// Seconds of one run: the best, and the middle one.
struct Timing {
  double best, median;
};

inline double read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// Runs `body` until `seconds` have passed, at least five times. With one thread its processor time
/// is taken, which other processes disturb less.
template <class Body>
Timing time_runs(double seconds, Body body) {
  const clockid_t clock = compute_pool().threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  std::vector<double> runs;
  const double start = read_clock(CLOCK_MONOTONIC);
  while (runs.size() < 5 || read_clock(CLOCK_MONOTONIC) - start < seconds) {
    const double begin = read_clock(clock);
    body();
    runs.push_back(read_clock(clock) - begin);
  }
  std::sort(runs.begin(), runs.end());
  return {runs.front(), runs[runs.size() / 2]};
}

}  // namespace deepseek::bench
