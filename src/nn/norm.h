// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nn/param_source.h"
#include "ops/norm.h"

namespace deepseek {

/// RMSNorm with its gain, `<name>.weight` [size].
class RmsNorm {
 public:
  RmsNorm() = default;
  RmsNorm(ParamSource& source, const std::string& name, int64_t size, double eps)
      : weight_(source.vector(name + ".weight", size)), eps_(static_cast<float>(eps)) {}

  bool defined() const { return weight_.defined(); }
  Tensor forward(const Tensor& x) const { return rms_norm(x, weight_, eps_); }

 private:
  Tensor weight_;
  float eps_ = 1e-6f;
};

}  // namespace deepseek
