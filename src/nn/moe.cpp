// SPDX-License-Identifier: Apache-2.0
#include "nn/moe.h"

#include "ops/elementwise.h"
#include "ops/linear.h"

namespace deepseek {

Moe::Moe(ParamSource& source, const std::string& prefix, const Config& config)
    : router_(config.router), has_shared_experts_(config.n_shared_experts > 0) {
  const int64_t d = config.hidden_size, width = config.moe_intermediate_size;
  const int64_t n = config.router.n_routed_experts;
  gate_ = source.router(prefix + ".gate.weight", n, d);
  if (config.has_correction_bias)
    e_score_correction_bias_ = source.buffer(prefix + ".gate.e_score_correction_bias", n);
  experts_.reserve(static_cast<size_t>(n));
  for (int64_t e = 0; e < n; ++e) {
    const std::string expert = concat(prefix, ".experts.", e);
    const auto take = [&](const char* name, int64_t rows, int64_t cols) {
      return source.weight(expert + name, rows, cols, ParamSource::Use::linear);
    };
    experts_.push_back({take(".gate_proj.weight", width, d), take(".up_proj.weight", width, d),
                        take(".down_proj.weight", d, width)});
  }
  if (has_shared_experts_)
    shared_experts_ = Mlp(source, prefix + ".shared_experts", d, width * config.n_shared_experts);
}

Tensor Moe::forward(const Tensor& x_td, int64_t layer, Probe* probe) const {
  const Tensor logits = linear(x_td, gate_);
  const Routing routing = route(logits, e_score_correction_bias_, router_);
  if (probe != nullptr) probe->routed(layer, x_td, logits, routing);
  const Tensor routed = experts(x_td, routing, experts_);
  return has_shared_experts_ ? add(routed, shared_experts_.forward(x_td)) : routed;
}

void Moe::each_linear(const std::function<void(Linear&)>& visit) {
  if (has_shared_experts_) shared_experts_.each_linear(visit);
}

}  // namespace deepseek
