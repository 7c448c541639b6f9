// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace deepseek::testing {

using Values = std::vector<double>;

/// Reproducible standard normal values.
Tensor random_tensor(const Shape& shape, uint64_t seed, double spread = 1);

/// Runs `op` inside a Tape on parameters and compares its result with `reference`, and its
/// gradients under a random weighting of the outputs with central differences of the reference in
/// float64. `tolerance` is relative to the largest value of each tensor.
void expect_op(const std::vector<Tensor>& inputs,
               const std::function<Tensor(const std::vector<Tensor>&)>& op,
               const std::function<Values(const std::vector<Values>&)>& reference,
               double tolerance);

/// Expects every value within tolerance * (largest reference value).
void expect_close(const Tensor& got, const Values& want, double tolerance, const char* what);

}  // namespace deepseek::testing
