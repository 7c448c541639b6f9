// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "bench/ceilings.h"

namespace deepseek::bench {

/// How fast one kernel ran one case. Shares are of the machine's ceilings; 0 where none applies.
struct KernelSpeed {
  std::string name;
  double best_s = 0, median_s = 0;
  double gb_s = 0, read_share = 0;
  double gop_s = 0, peak_share = 0;
};

using KernelSink = std::function<void(const KernelSpeed&)>;

/// What a run of the suite measures, and how long each case takes at least.
struct KernelSuite {
  Ceilings ceilings;
  std::string filter;  // cases whose name contains it, in upper or lower case
  double seconds = 0.2;
  KernelSink sink;

  bool wants(const std::string& name) const;
};

/// Every kernel of the product at the sizes of the models: attention, what streams activations,
/// linear maps of every format.
void run_kernel_suite(const KernelSuite& suite);

/// One line of a table.
std::string kernel_speed_text(const KernelSpeed& speed);

}  // namespace deepseek::bench
