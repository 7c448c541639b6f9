// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/param_source.h"
#include "ops/weight.h"

namespace deepseek {

/// A low-rank update beside a weight: y += scale * b (a x)   (Hu et al., 2021, Eq. 3).
struct Lora {
  Weight a;  // [r, inputs]
  Weight b;  // [outputs, r]
  float scale = 1;
};

/// y = W x + bias, with an optional unmerged LoRA update.
class Linear {
 public:
  Linear() = default;
  /// Takes `<name>.weight` [outputs, inputs] and, when asked, `<name>.bias` [outputs].
  Linear(ParamSource& source, std::string name, int64_t outputs, int64_t inputs,
         bool has_bias = false);

  bool defined() const { return weight_.defined(); }
  const std::string& name() const { return name_; }
  const Weight& weight() const { return weight_; }
  int64_t outputs() const { return weight_.rows(); }
  int64_t inputs() const { return weight_.cols(); }

  /// x [..., inputs] -> [..., outputs].
  Tensor forward(const Tensor& x) const;

  /// Throws invalid_input when the update's shapes do not fit the weight.
  void attach(Lora lora);

 private:
  friend std::vector<Tensor> forward_many(const Tensor& x, std::span<const Linear* const> linears);
  Tensor finish(const Tensor& x, Tensor y) const;

  std::string name_;
  Weight weight_;
  Tensor bias_;
  std::optional<Lora> lora_;
};

/// Several maps of the same x in one parallel step.
std::vector<Tensor> forward_many(const Tensor& x, std::span<const Linear* const> linears);

}  // namespace deepseek
