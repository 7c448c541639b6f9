// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

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

/// What multiplies weights of a format on this machine. Those in bytes multiply two planes of int8
/// activations, the others f32.
struct LinearKernel {
  std::string_view family;   // "linear_q4_k"; "linear_f32" for formats without one
  std::string_view variant;  // "avx512vnni"
  bool in_bytes = false;
};
LinearKernel linear_kernel(Format format);

/// Runs all jobs, spread together over the compute pool. A result depends on its own row of x and
/// its own row of the weight alone: the same bits in any batch, for any number of threads.
void run_linear(std::span<const LinearJob> jobs);

/// x [..., cols] -> [..., rows]. Gradients for x (any format) and for a weight that is a parameter.
Tensor linear(const Tensor& x, const Weight& weight);

/// Several weights on one x, in one parallel step (q, k, v; gate and up).
std::vector<Tensor> linear_many(const Tensor& x, std::span<const Weight* const> weights);

}  // namespace deepseek
