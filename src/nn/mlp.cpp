// SPDX-License-Identifier: Apache-2.0
#include "nn/mlp.h"

#include <array>

#include "ops/elementwise.h"

namespace deepseek {

Mlp::Mlp(ParamSource& source, const std::string& prefix, int64_t hidden_size,
         int64_t intermediate_size)
    : gate_proj_(source, prefix + ".gate_proj", intermediate_size, hidden_size),
      up_proj_(source, prefix + ".up_proj", intermediate_size, hidden_size),
      down_proj_(source, prefix + ".down_proj", hidden_size, intermediate_size) {}

Tensor Mlp::forward(const Tensor& x_td) const {
  const std::array<const Linear*, 2> first{&gate_proj_, &up_proj_};
  const std::vector<Tensor> y = forward_many(x_td, first);
  return down_proj_.forward(swiglu(y[0], y[1]));
}

void Mlp::each_linear(const std::function<void(Linear&)>& visit) {
  visit(gate_proj_);
  visit(up_proj_);
  visit(down_proj_);
}

}  // namespace deepseek
