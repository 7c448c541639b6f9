// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope.h"

namespace deepseek::kernels::scalar {

void rope(const RopeArgs& a) noexcept {
  const int64_t half = a.dim / 2;
  const int64_t step = a.interleaved ? 2 : 1;
  const int64_t distance = a.interleaved ? 1 : half;
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* cos = a.cos + r * half;
    const float* sin = a.sin + r * half;
    for (int64_t h = 0; h < a.heads; ++h) {
      const float* x = a.x + (r * a.heads + h) * a.dim;
      float* out = a.out + (r * a.heads + h) * a.dim;
      for (int64_t i = 0; i < half; ++i) {
        const float first = x[i * step], second = x[i * step + distance];
        out[i * step] = first * cos[i] - second * sin[i];
        out[i * step + distance] = second * cos[i] + first * sin[i];
      }
    }
  }
}

}  // namespace deepseek::kernels::scalar
