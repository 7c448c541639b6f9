// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/open.h"

namespace deepseek {

/// Bytes of a checkpoint's weights as its files hold them.
int64_t weight_bytes(const CheckpointFiles& files);

/// Native placement, or mapped when the checkpoint's weights do not fit in the memory that is
/// free; `notice` then hears what speed to expect.
Placement choose_placement(const CheckpointFiles& files, const ModelConfig& config,
                           const NoticeSink& notice);

}  // namespace deepseek
