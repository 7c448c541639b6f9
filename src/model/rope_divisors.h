// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "model/config.h"

namespace deepseek {

/// What llama3 rope scaling divides each plain frequency by, [rope_dim / 2]: GGUF's
/// `rope_freqs.weight`. 1 for wavelengths shorter than original / high_freq_factor, the factor for
/// those longer than original / low_freq_factor, in between interpolated in original / wavelength.
std::vector<float> llama3_divisors(const RopeScaling& scaling, double theta, int64_t dim);

/// The llama3 scaling with low_freq_factor 1 and high_freq_factor 4, as all published models have
/// them, that gives these divisors; nothing when none does.
std::optional<RopeScaling> llama3_from_divisors(const std::vector<float>& divisors, double theta,
                                                int64_t dim);

}  // namespace deepseek
