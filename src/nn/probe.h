// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/router.h"
#include "tensor/tensor.h"

namespace deepseek {

/// Sees the numbers inside a forward pass. Layers count from 0.
class Probe {
 public:
  virtual ~Probe() = default;
  /// Residual stream [T, d] that enters layer 0.
  virtual void embedded(const Tensor& hidden_td) = 0;
  /// Attention output after its projection, before the residual add.
  virtual void attended(int64_t layer, const Tensor& out_td) = 0;
  /// What entered a router, its raw logits [T, experts], and what it chose.
  virtual void routed(int64_t layer, const Tensor& x_td, const Tensor& logits,
                      const Routing& routing) = 0;
  /// Residual stream after a layer.
  virtual void layer_done(int64_t layer, const Tensor& hidden_td) = 0;
};

}  // namespace deepseek
