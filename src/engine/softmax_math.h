// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace deepseek {

/// The largest value; throws bad_file naming the first NaN or +infinity, or when all values are
/// -infinity.
double largest_logit(std::span<const float> logits);
double largest_logit(std::span<const double> logits);

/// Index of the first of the largest values.
int64_t first_largest(std::span<const float> logits);
int64_t first_largest(std::span<const double> logits);

/// Sum in a fixed order over several lanes.
double sum_of(std::span<const double> values);

/// log(sum(exp(logits))); throws as largest_logit.
double log_sum_exp(std::span<const float> logits);

}  // namespace deepseek
