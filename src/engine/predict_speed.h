// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "engine/fit.h"
#include "engine/speed.h"

namespace deepseek {

/// What a machine was measured to do at most, with the threads that will compute.
struct MachineSpeed {
  double read_bytes_per_s = 0;  // from memory
  double float_ops_per_s = 0;   // f32, a multiplication and an addition being two
  double byte_ops_per_s = 0;    // of bytes, alike
  double file_bytes_per_s = 0;  // from the checkpoint's file
};

struct PredictedSpeed {
  enum class Bound { memory, floats, bytes, file };
  double tokens_per_s = 0;
  Bound bound = Bound::memory;  // what takes the largest part of the time
};

/// How fast a model should run a case: each format's weights take the longer of reading them and of
/// multiplying by them, at the share of the machine's peak that the kernels of this project were
/// measured to reach (docs/performance.md); so does the attention to the cache. Of a mapped model
/// what memory does not hold is read from the file besides. Nothing when the machine's peaks are
/// not known.
std::optional<PredictedSpeed> predict_speed(const ModelConfig& config, const Fit& fit,
                                            const SpeedCase& what, const MachineSpeed& machine);

}  // namespace deepseek
