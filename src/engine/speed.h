// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/progress.h"
#include "engine/engine.h"

namespace deepseek {

/// Tokens of a prompt that are computed in one step.
inline constexpr int64_t prefill_chunk = 512;

/// What to time: `tokens` new ones behind `depth` that the cache holds, in one prefill, or one at a
/// time.
struct SpeedCase {
  enum class Kind { prefill, decode };
  Kind kind = Kind::decode;
  int64_t depth = 0;
  int64_t tokens = 64;
};

struct Speed {
  SpeedCase what;
  double median = 0, least = 0, most = 0;  // tokens a second
};

/// Times a case `repeat` times over the same tokens. Throws out_of_memory when the engine's cache
/// does not hold it.
Speed measure_speed(Engine& engine, const SpeedCase& what, int repeat,
                    const ProgressSink& progress);

}  // namespace deepseek
