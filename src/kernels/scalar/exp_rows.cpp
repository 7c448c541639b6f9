// SPDX-License-Identifier: Apache-2.0
#include "kernels/exp_rows.h"

#include "kernels/scalar/exp.h"

namespace deepseek::kernels::scalar {

void exp_rows(const ExpRowsArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t i = 0; i < a.dim; ++i)
      a.out[r * a.dim + i] = exp(a.x[r * a.dim + i] - a.shift[r]) * a.factor[r];
}

}  // namespace deepseek::kernels::scalar
