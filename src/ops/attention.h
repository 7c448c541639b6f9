// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace deepseek {

/// Rows of a flat batch that belong to one sequence.
struct Span {
  int64_t first_row = 0;
  int64_t length = 0;
};

/// Causal attention inside each span: softmax(scale q k^T) v with q [T, heads, key_dim],
/// k [T, kv_heads, key_dim], v [T, kv_heads, value_dim] -> [T, heads, value_dim]. `heads` is a
/// multiple of kv_heads and neighbours share one (grouped queries; Ainslie et al., 2023). The same
/// arithmetic as attend_paged over f32 pages. Spans must cover all rows once, in order. Backward
/// recomputes the weights row by row from the saved log-sum-exp.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const Span> spans,
              float scale);

}  // namespace deepseek
