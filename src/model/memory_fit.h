// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/open.h"
#include "model/weight_use.h"

namespace deepseek {

/// Native placement, or mapped when the checkpoint's weights, placed natively, do not fit in the
/// memory that is free; `notice` then hears what speed to expect.
Placement choose_placement(const CheckpointFiles& files, const ModelConfig& config,
                           const NoticeSink& notice);

/// What choose_placement does with weights that take `native_bytes`.
Placement placement_within(int64_t native_bytes, int64_t available_bytes);

/// Bytes a second that reading a checkpoint's first file gives now.
double measured_read_rate(const CheckpointFiles& files);

}  // namespace deepseek
