// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "core/thread_pool.h"
#include "tensor/tensor.h"

namespace deepseek {

/// Spreads body(begin, end) over the compute pool for rows of `work` elementary steps each; small
/// loops stay on this thread.
template <class Body>
void for_rows(int64_t rows, int64_t work, const Body& body) {
  constexpr int64_t steps_per_part = 1 << 14;
  const int64_t grain = std::max<int64_t>(1, steps_per_part / std::max<int64_t>(work, 1));
  if (rows <= grain) {
    if (rows > 0) body(0, rows);
    return;
  }
  compute_pool().parallel_for(rows, grain,
                              [&](int64_t begin, int64_t end, int) { body(begin, end); });
}

/// Throws invalid_input "op: name: expected N dimensions, got [shape]".
void require_rank(std::string_view op, std::string_view name, const Tensor& tensor, int rank);

/// Throws invalid_input unless both have the same shape.
void require_same_shape(std::string_view op, std::string_view name, const Tensor& tensor,
                        const Tensor& like);

}  // namespace deepseek
