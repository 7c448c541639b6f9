// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// Rotates the pairs of every head: (i, i + dim/2), or (2i, 2i + 1) when interleaved.
struct RopeArgs {
  const float* x;    // [rows, heads, dim]
  const float* cos;  // [rows, dim / 2]
  const float* sin;  // [rows, dim / 2]
  float* out;        // [rows, heads, dim]
  int64_t rows, heads, dim;
  bool interleaved;
};

}  // namespace deepseek::kernels
