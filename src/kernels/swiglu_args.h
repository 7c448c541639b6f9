// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// out = gate / (1 + exp(-gate)) * up, element by element. `out` may be `gate` or `up`.
struct SwigluArgs {
  const float* gate;
  const float* up;
  float* out;
  int64_t count;
};

}  // namespace deepseek::kernels
