// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "nn/linear.h"

namespace deepseek {

/// SwiGLU feed-forward: down(silu(gate x) * up x)   (Shazeer, 2020).
class Mlp {
 public:
  Mlp() = default;
  /// Takes `<prefix>.{gate,up,down}_proj`.
  Mlp(ParamSource& source, const std::string& prefix, int64_t hidden_size,
      int64_t intermediate_size);

  Tensor forward(const Tensor& x_td) const;
  void each_linear(const std::function<void(Linear&)>& visit);

 private:
  Linear gate_proj_, up_proj_, down_proj_;
};

}  // namespace deepseek
