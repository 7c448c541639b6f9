// SPDX-License-Identifier: Apache-2.0
#include "ops/embedding.h"

#include <vector>

#include "core/error.h"
#include "ops/rows.h"
#include "ops/tape.h"

namespace deepseek {

Tensor embed(const Weight& table, std::span<const int32_t> ids) {
  const int64_t vocab = table.rows(), dim = table.cols();
  for (const int32_t id : ids)
    if (id < 0 || id >= vocab)
      fail(ErrorKind::invalid_input, "embed: token id: expected 0 to ", vocab - 1, ", got ", id);
  const int64_t rows = static_cast<int64_t>(ids.size());
  Tensor out = Tensor::empty({rows, dim});
  for_rows(rows, dim, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      table.row(ids[static_cast<size_t>(r)], out.data() + r * dim);
  });
  if (!table.tensor().defined()) return out;
  return record(
      out, {table.tensor()},
      [vocab, dim, kept = std::vector(ids.begin(), ids.end())](const Tensor& d_out) -> Gradients {
        const Tensor d_table = Tensor::zeros({vocab, dim});
        const float* from = d_out.data();
        for (const int32_t id : kept) {
          float* to = d_table.data() + id * dim;
          for (int64_t i = 0; i < dim; ++i) to[i] += from[i];
          from += dim;
        }
        return {d_table};
      });
}

}  // namespace deepseek
