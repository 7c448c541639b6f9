// SPDX-License-Identifier: Apache-2.0
#include "model/rope_divisors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace deepseek {

std::vector<float> llama3_divisors(const RopeScaling& scaling, double theta, int64_t dim) {
  // In f32 where the usual converter is, so that the values come out the same.
  const double original = scaling.original_max_position_embeddings;
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor;
  std::vector<float> divisors;
  for (int64_t i = 0; i < dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dim);
    const float frequency = 1.0f / std::pow(static_cast<float>(theta), exponent);
    const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
    if (wavelength < original / high) {
      divisors.push_back(1);
    } else if (wavelength > original / low) {
      divisors.push_back(static_cast<float>(scaling.factor));
    } else {
      const double smooth = (original / wavelength - low) / (high - low);
      divisors.push_back(static_cast<float>(1 / ((1 - smooth) / scaling.factor + smooth)));
    }
  }
  return divisors;
}

std::optional<RopeScaling> llama3_from_divisors(const std::vector<float>& divisors, double theta,
                                                int64_t dim) {
  if (divisors.empty()) return std::nullopt;
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::llama3;
  // Some converters stored quotients of rounded frequencies: factors are short decimals.
  const double largest = *std::max_element(divisors.begin(), divisors.end());
  scaling.factor = std::round(largest * 1e4) / 1e4;
  if (!(scaling.factor > 1)) return std::nullopt;
  for (int64_t original = 16; original <= int64_t{1} << 24; original *= 2) {
    scaling.original_max_position_embeddings = static_cast<double>(original);
    const std::vector<float> got = llama3_divisors(scaling, theta, dim);
    if (std::equal(got.begin(), got.end(), divisors.begin(), divisors.end(),
                   [](float a, float b) { return std::abs(a - b) <= 1e-5f * b; }))
      return scaling;
  }
  return std::nullopt;
}

}  // namespace deepseek
