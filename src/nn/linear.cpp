// SPDX-License-Identifier: Apache-2.0
#include "nn/linear.h"

#include "ops/elementwise.h"
#include "ops/linear.h"

namespace deepseek {

Linear::Linear(ParamSource& source, std::string name, int64_t outputs, int64_t inputs,
               bool has_bias)
    : name_(std::move(name)),
      weight_(source.weight(name_ + ".weight", outputs, inputs, ParamSource::Use::linear)) {
  if (has_bias) bias_ = source.vector(name_ + ".bias", outputs);
}

Tensor Linear::finish(const Tensor& x, Tensor y) const {
  if (bias_.defined()) y = add_bias(y, bias_);
  if (lora_) y = add(y, scale(linear(linear(x, lora_->a), lora_->b), lora_->scale));
  return y;
}

Tensor Linear::forward(const Tensor& x) const { return finish(x, linear(x, weight_)); }

void Linear::attach(Lora lora) {
  if (lora.a.cols() != inputs() || lora.b.rows() != outputs() || lora.a.rows() != lora.b.cols())
    fail(ErrorKind::invalid_input, "adapter for ", name_, ": expected A [r, ", inputs(),
         "] and B [", outputs(), ", r], got A [", lora.a.rows(), ", ", lora.a.cols(), "] and B [",
         lora.b.rows(), ", ", lora.b.cols(), "]; use the adapter of this very model");
  lora_ = std::move(lora);
}

std::vector<Tensor> forward_many(const Tensor& x, std::span<const Linear* const> linears) {
  std::vector<const Weight*> weights;
  for (const Linear* linear : linears) weights.push_back(&linear->weight_);
  std::vector<Tensor> out = linear_many(x, weights);
  for (size_t i = 0; i < out.size(); ++i) out[i] = linears[i]->finish(x, std::move(out[i]));
  return out;
}

}  // namespace deepseek
