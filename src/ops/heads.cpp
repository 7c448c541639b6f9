// SPDX-License-Identifier: Apache-2.0
#include "ops/heads.h"

#include <algorithm>

#include "ops/tape.h"

namespace deepseek {

Tensor repeat_heads(const Tensor& x, int64_t heads) {
  const int64_t tokens = x.dim(0), dim = x.dim(1);
  const Tensor out = Tensor::empty({tokens, heads, dim});
  for (int64_t row = 0; row < tokens * heads; ++row)
    std::copy_n(x.data() + row / heads * dim, dim, out.data() + row * dim);
  return record(out, {x}, [=](const Tensor& d_out) -> Gradients {
    const Tensor d_x = Tensor::zeros({tokens, dim});
    for (int64_t row = 0; row < tokens * heads; ++row)
      for (int64_t i = 0; i < dim; ++i)
        d_x.data()[row / heads * dim + i] += d_out.data()[row * dim + i];
    return {d_x};
  });
}

}  // namespace deepseek
