// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace deepseek::kernels {

/// One kernel family as `doctor` and the benchmarks list it.
struct FamilyInfo {
  std::string name;
  std::vector<std::string> variants;  // slow to fast
  std::string chosen;                 // the one that runs on this machine
};

std::vector<FamilyInfo> kernel_families();

}  // namespace deepseek::kernels
