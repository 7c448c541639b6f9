// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "engine/predict_speed.h"

namespace deepseek::cli {

/// Measures what the machine does at most with the compute threads, for about a second. The file's
/// speed is not among it.
MachineSpeed measure_machine_speed();

/// "memory", "floats", "bytes", "file": as --json calls what bounds a speed; messages
/// "bound.<name>" say it.
std::string_view bound_name(PredictedSpeed::Bound bound);

}  // namespace deepseek::cli
