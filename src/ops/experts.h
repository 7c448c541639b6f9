// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "ops/router.h"
#include "ops/weight.h"
#include "tensor/tensor.h"

namespace deepseek {

/// One routed expert: down(silu(gate x) * up x).
struct ExpertWeights {
  Weight gate, up;  // [width, d]
  Weight down;      // [d, width]
};

/// out[t] = sum over the token's experts, in ascending order, of weight * expert(x[t]): x [T, d],
/// routing of T tokens -> [T, d]. Rows are grouped by expert, so an expert's weights are read once
/// for all its rows. Gradients for x, the routing weights and every expert; that of an expert
/// without rows is zero.
Tensor experts(const Tensor& x, const Routing& routing, std::span<const ExpertWeights> weights);

}  // namespace deepseek
