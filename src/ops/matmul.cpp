// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul.h"

#include <algorithm>
#include <vector>

#include "core/thread_pool.h"
#include "kernels/linear.h"
#include "ops/pack.h"

namespace deepseek {

using kernels::panel_width;

void run_matmul(const Matmul& m) {
  std::vector<const void*> a;
  std::vector<float*> out;
  for (int64_t r = 0; r < m.rows; ++r) {
    a.push_back(m.a + r * m.a_stride);
    out.push_back(m.out + r * m.cols);
  }
  const auto run = kernels::linear_family(Format::f32)->best().run;
  const int64_t panels = (m.cols + panel_width - 1) / panel_width;
  compute_pool().parallel_for(panels, 1, [&](int64_t begin, int64_t end, int) {
    static thread_local std::vector<float> panel;
    panel.resize(size_t(m.depth * panel_width));
    for (int64_t p = begin; p < end; ++p) {
      const int64_t first = p * panel_width;
      pack_transposed_panel(m.b, m.depth, m.cols, first, panel.data());
      run({.panels = reinterpret_cast<const unsigned char*>(panel.data()),
           .panel_bytes = 0,
           .outputs = std::min(panel_width, m.cols - first),
           .cols = m.depth,
           .block_cols = 0,
           .x = a.data(),
           .out = out.data(),
           .out_offset = first,
           .rows = m.rows,
           .accumulate = m.accumulate});
    }
  });
}

void transpose(const float* in, int64_t rows, int64_t cols, int64_t stride, float* out) {
  constexpr int64_t tile = 16;
  compute_pool().parallel_for((cols + tile - 1) / tile, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t first = begin * tile; first < std::min(cols, end * tile); first += tile)
      for (int64_t top = 0; top < rows; top += tile)
        for (int64_t c = first; c < std::min(cols, first + tile); ++c)
          for (int64_t r = top; r < std::min(rows, top + tile); ++r)
            out[c * rows + r] = in[r * stride + c];
  });
}

}  // namespace deepseek
