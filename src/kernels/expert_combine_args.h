// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// out[t] = sum over k, in order, of weights[t, k] * values[slots[t, k]].
struct ExpertCombineArgs {
  const float* values;   // [slots, dim]
  const int64_t* slots;  // [tokens, per_token]
  const float* weights;  // [tokens, per_token]
  float* out;            // [tokens, dim]
  int64_t tokens, per_token, dim;
};

}  // namespace deepseek::kernels
