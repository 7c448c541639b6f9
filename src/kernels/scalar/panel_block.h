// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/linear_layout.h"

namespace deepseek::kernels::scalar {

/// 32 columns of a panel, decoded: weight = scale[group] * q + min[group].
struct PanelBlock {
  int8_t q[32][panel_width];
  float scale[2][panel_width];
  float min[2][panel_width];
};

PanelBlock decode_block(const BlockLayout& layout, const unsigned char* panel, int64_t block);

/// The same for output `index` [0, 16) alone, as f32 [32].
void decode_output(const BlockLayout& layout, const unsigned char* panel, int64_t block, int index,
                   float* out);

}  // namespace deepseek::kernels::scalar
