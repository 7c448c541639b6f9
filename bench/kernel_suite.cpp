// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel_suite.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "bench/attention_bench.h"
#include "bench/linear_bench.h"

namespace deepseek::bench {

bool KernelSuite::wants(const std::string& name) const {
  const auto alike = [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  };
  return std::search(name.begin(), name.end(), filter.begin(), filter.end(), alike) != name.end();
}

void run_kernel_suite(const KernelSuite& suite) {
  bench_attention(suite);
  bench_elementwise(suite);
  bench_linear(suite);
}

std::string kernel_speed_text(const KernelSpeed& speed) {
  std::array<char, 200> line{};
  int size =
      std::snprintf(line.data(), line.size(), "%-46s %9.1f us (median %9.1f) %6.1f GB/s %3.0f%%",
                    speed.name.c_str(), speed.best_s * 1e6, speed.median_s * 1e6, speed.gb_s,
                    100 * speed.read_share);
  if (speed.gop_s > 0 && size < static_cast<int>(line.size()))
    std::snprintf(line.data() + size, line.size() - static_cast<size_t>(size),
                  " %7.1f GOP/s %3.0f%%", speed.gop_s, 100 * speed.peak_share);
  return line.data();
}

}  // namespace deepseek::bench
