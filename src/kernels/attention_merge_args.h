// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels {

/// Folds the partial result of later pages into that of earlier ones (online softmax; Milakov &
/// Gimelshein, 2018): m = max(max, later_max), a = exp(max - m), b = exp(later_max - m),
/// sum = sum * a + later_sum * b, and the same for out. A sum of 0 means that nothing was seen.
struct AttentionMergeArgs {
  float* max;              // [rows]
  float* sum;              // [rows]
  float* out;              // [rows, dim]
  const float* later_max;  // [rows]
  const float* later_sum;  // [rows]
  const float* later_out;  // [rows, dim]
  int64_t rows, dim;
};

}  // namespace deepseek::kernels
