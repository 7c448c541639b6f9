// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/kernel_suite.h"
#include "core/cpu.h"
#include "core/thread_pool.h"

/// bench_kernels [--filter TEXT] [--threads N] [--seconds S]: best and median time of each kernel
/// case, beside what the machine can do at most. DEEPSEEK_CPU caps the variants.
int main(int argc, char** argv) {
  using namespace deepseek;
  std::string filter;
  double seconds = 0.2;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--filter") == 0) filter = argv[i + 1];
    if (std::strcmp(argv[i], "--threads") == 0) set_compute_threads(std::atoi(argv[i + 1]));
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atof(argv[i + 1]);
  }
  const bench::Ceilings ceilings = bench::measure_ceilings();
  std::printf("%s, %d threads, %s\nat most: read %.1f GB/s, f32 %.0f GOP/s, bytes %.0f GOP/s\n",
              cpu_model_name().c_str(), compute_pool().threads(),
              features_text(cpu_features()).c_str(), ceilings.read_gb_s, ceilings.float_gop_s,
              ceilings.byte_gop_s);
  bench::run_kernel_suite({ceilings, filter, seconds, [](const bench::KernelSpeed& speed) {
                             std::puts(bench::kernel_speed_text(speed).c_str());
                             std::fflush(stdout);
                           }});
  return 0;
}
