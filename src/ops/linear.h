// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "ops/weight.h"

namespace deepseek {

/// out[r, n] = sum over k of x[x_rows ? x_rows[r] : r, k] * weight[n, k].
struct LinearJob {
  const Weight* weight = nullptr;
  const float* x = nullptr;
  int64_t x_stride = 0;             // floats between rows of x
  const int64_t* x_rows = nullptr;  // [rows] which rows of x to read, or null for 0…rows-1
  int64_t rows = 0;
  float* out = nullptr;
  int64_t out_stride = 0;  // floats between rows of out
};

/// Runs all jobs, spread together over the compute pool. A result depends on its own row of x and
/// its own row of the weight alone: the same bits in any batch, for any number of threads.
void run_linear(std::span<const LinearJob> jobs);

/// x [..., cols] -> [..., rows]. Gradients for x (any format) and for a weight that is a parameter.
Tensor linear(const Tensor& x, const Weight& weight);

/// Several weights on one x, in one parallel step (q, k, v; gate and up).
std::vector<Tensor> linear_many(const Tensor& x, std::span<const Weight* const> weights);

}  // namespace deepseek
