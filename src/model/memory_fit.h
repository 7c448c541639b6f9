// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/open.h"

namespace deepseek {

/// Native placement, or mapped when the checkpoint's weights do not fit in the memory that is
/// free; `notice` then hears what speed to expect.
Placement choose_placement(const CheckpointFiles& files, const ModelConfig& config,
                           const NoticeSink& notice);

}  // namespace deepseek
