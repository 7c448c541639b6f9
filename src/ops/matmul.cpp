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
  const int64_t pairs = (m.cols + 2 * panel_width - 1) / (2 * panel_width);
  compute_pool().parallel_for(pairs, 1, [&](int64_t begin, int64_t end, int) {
    static thread_local std::vector<float> panels;
    const int64_t panel_size = m.depth * panel_width;
    panels.resize(size_t(2 * panel_size));
    for (int64_t pair = begin; pair < end; ++pair) {
      const int64_t first = 2 * pair * panel_width;
      const int64_t outputs = std::min(2 * panel_width, m.cols - first);
      for (int64_t p = 0; p * panel_width < outputs; ++p)
        pack_transposed_panel(m.b, m.depth, m.cols, first + p * panel_width,
                              panels.data() + p * panel_size);
      run({.panels = reinterpret_cast<const unsigned char*>(panels.data()),
           .panel_bytes = panel_size * int64_t{sizeof(float)},
           .outputs = outputs,
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
