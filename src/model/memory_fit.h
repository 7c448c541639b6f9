// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "model/open.h"

namespace deepseek {

struct MachineMemory {
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;
};
MachineMemory machine_memory();

/// Native placement, or mapped when the checkpoint's weights do not fit in the memory that is
/// free; `notice` then hears what speed to expect.
Placement choose_placement(const CheckpointFiles& files, const ModelConfig& config,
                           const NoticeSink& notice);

}  // namespace deepseek
