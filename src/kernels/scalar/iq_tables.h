// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek::kernels::scalar {

// The code books of the IQ formats: which patterns of magnitudes a quantised group can take. They
// are part of the formats. An entry packs the indices of its elements, the first in the lowest
// bits: eight of 2 bits into {8, 25, 43} (iq2) or {-1, 0, 1} (iq1), four of 3 bits into
// {4, 12, 20, 28, 36, 44, 52, 62} (iq3_xxs) or {1, 3, 5, 7, 9, 11, 13, 15} (iq3_s).

extern const uint16_t iq2_xxs_grid[256];
extern const uint16_t iq2_xs_grid[512];
extern const uint16_t iq2_s_grid[1024];
extern const uint16_t iq3_xxs_grid[256];
extern const uint16_t iq3_s_grid[512];
extern const uint16_t iq1_grid[2048];

}  // namespace deepseek::kernels::scalar
