// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek {

/// out[r, c] = sum over n of a[r, n] * b[n, c] (added to what out holds when `accumulate`), each
/// output one chain of fused multiply-adds over n in order. Strides are floats between rows; b's
/// and out's rows are `cols` long. Spread over the compute pool; the same bits for any number of
/// threads.
struct Matmul {
  const float* a;  // [rows, depth]
  int64_t a_stride;
  const float* b;  // [depth, cols]
  float* out;      // [rows, cols]
  int64_t rows, depth, cols;
  bool accumulate = false;
};
void run_matmul(const Matmul& m);

/// out[c, r] = in[r, c] for a matrix whose rows are `stride` floats apart.
void transpose(const float* in, int64_t rows, int64_t cols, int64_t stride, float* out);

}  // namespace deepseek
