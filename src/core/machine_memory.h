// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace deepseek {

struct MachineMemory {
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;  // what can be used without pushing others out
};

/// Memory of the machine, or of the container (control groups v1 and v2) where that allows less.
/// `root` is where proc and sys are mounted.
MachineMemory machine_memory(const std::filesystem::path& root = "/");

}  // namespace deepseek
