// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "nn/batch.h"
#include "nn/layer_cache.h"
#include "nn/linear.h"
#include "ops/rope.h"

namespace deepseek {

/// What attention needs beside its input.
struct AttentionContext {
  const Batch& batch;
  const RopeTable& rope;              // cos and sin for the rows of the batch
  const LayerCache* cache = nullptr;  // null: no cache
};

/// Self-attention of one decoder layer.
class Attention {
 public:
  virtual ~Attention() = default;
  /// x [T, d] -> [T, d]. Without a cache every span is a whole sequence; with one, the rows' keys
  /// and values are appended first and each row sees its sequence up to itself.
  virtual Tensor forward(const Tensor& x_td, const AttentionContext& context) const = 0;
  virtual void each_linear(const std::function<void(Linear&)>& visit) = 0;
};

}  // namespace deepseek
