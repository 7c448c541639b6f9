// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace deepseek {

/// Counter-based random numbers (Philox4x32-10; Salmon et al., 2011): the value at a position
/// depends on seed, stream and position alone, never on what was drawn before.
class CounterRandom {
 public:
  CounterRandom(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}

  std::array<uint32_t, 4> block(uint64_t position) const;
  /// Uniform in [0, 1) with 53 bits.
  double uniform(uint64_t position) const;
  /// Standard normal (Box-Muller).
  double normal(uint64_t position) const;

 private:
  uint64_t seed_, stream_;
};

}  // namespace deepseek
