// SPDX-License-Identifier: Apache-2.0
#include "kernels/swiglu.h"

#include "kernels/scalar/exp.h"

namespace deepseek::kernels::scalar {

void swiglu(const SwigluArgs& a) noexcept {
  for (int64_t i = 0; i < a.count; ++i) a.out[i] = a.gate[i] / (1.0f + exp(-a.gate[i])) * a.up[i];
}

}  // namespace deepseek::kernels::scalar
