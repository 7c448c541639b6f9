// SPDX-License-Identifier: Apache-2.0
#include "ops/shape.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "ops/rows.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

Shape with_last(Shape shape, int64_t width) {
  shape.back() = width;
  return shape;
}

/// Copies `width` columns of every row between a narrow and a wide tensor.
void copy_columns(const Tensor& from, int64_t from_column, const Tensor& to, int64_t to_column,
                  int64_t width) {
  const int64_t from_width = from.dim(-1), to_width = to.dim(-1);
  const float* source = from.data() + from_column;
  float* target = to.data() + to_column;
  for_rows(from.rows(), width, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      std::copy_n(source + r * from_width, width, target + r * to_width);
  });
}

int64_t row_size(const Tensor& x) { return x.dim(0) == 0 ? 0 : x.numel() / x.dim(0); }

Shape with_first(Shape shape, int64_t rows) {
  shape.front() = rows;
  return shape;
}

}  // namespace

std::vector<Tensor> split_last(const Tensor& x, const std::vector<int64_t>& widths) {
  const int64_t total = std::accumulate(widths.begin(), widths.end(), int64_t{0});
  if (x.rank() == 0 || x.dim(-1) != total)
    fail(ErrorKind::invalid_input, "split_last: x: expected a last dimension of ", total, ", got ",
         shape_text(x.shape()));
  std::vector<Tensor> parts;
  int64_t column = 0;
  for (const int64_t width : widths) {
    const Tensor part = Tensor::empty(with_last(x.shape(), width));
    copy_columns(x, column, part, 0, width);
    parts.push_back(
        record(part, {x}, [shape = x.shape(), column, width](const Tensor& d_out) -> Gradients {
          const Tensor d_x = Tensor::zeros(shape);
          copy_columns(d_out, 0, d_x, column, width);
          return {d_x};
        }));
    column += width;
  }
  return parts;
}

Tensor concat_last(std::span<const Tensor> parts) {
  if (parts.empty()) fail(ErrorKind::invalid_input, "concat_last: expected at least one part");
  int64_t total = 0;
  std::vector<int64_t> widths;
  for (const Tensor& part : parts) {
    if (part.rank() == 0 || with_last(part.shape(), 0) != with_last(parts[0].shape(), 0))
      fail(ErrorKind::invalid_input, "concat_last: expected ", shape_text(parts[0].shape()),
           " up to the last dimension, got ", shape_text(part.shape()));
    widths.push_back(part.dim(-1));
    total += part.dim(-1);
  }
  const Tensor out = Tensor::empty(with_last(parts[0].shape(), total));
  int64_t column = 0;
  for (const Tensor& part : parts) {
    copy_columns(part, 0, out, column, part.dim(-1));
    column += part.dim(-1);
  }
  return record(out, {parts.begin(), parts.end()},
                [widths](const Tensor& d_out) -> Gradients { return split_last(d_out, widths); });
}

Tensor reshape(const Tensor& x, const Shape& shape) {
  return record(x.reshape(shape), {x}, [from = x.shape()](const Tensor& d_out) -> Gradients {
    return {d_out.reshape(from)};
  });
}

Tensor gather_rows(const Tensor& x, std::span<const int64_t> indices) {
  const int64_t size = row_size(x);
  for (const int64_t index : indices)
    if (index < 0 || index >= x.dim(0))
      fail(ErrorKind::invalid_input, "gather_rows: index: expected 0 to ", x.dim(0) - 1, ", got ",
           index);
  const Tensor out = Tensor::empty(with_first(x.shape(), static_cast<int64_t>(indices.size())));
  for (size_t i = 0; i < indices.size(); ++i)
    std::copy_n(x.data() + indices[i] * size, size, out.data() + static_cast<int64_t>(i) * size);
  return record(out, {x},
                [shape = x.shape(), size, kept = std::vector(indices.begin(), indices.end())](
                    const Tensor& d_out) -> Gradients {
                  const Tensor d_x = Tensor::zeros(shape);
                  const float* from = d_out.data();
                  for (const int64_t index : kept) {
                    float* to = d_x.data() + index * size;
                    for (int64_t i = 0; i < size; ++i) to[i] += from[i];
                    from += size;
                  }
                  return {d_x};
                });
}

Tensor slice_rows(const Tensor& x, int64_t begin, int64_t end) {
  if (begin < 0 || begin > end || end > x.dim(0))
    fail(ErrorKind::invalid_input, "slice_rows: expected rows within 0 to ", x.dim(0), ", got ",
         begin, " to ", end);
  const int64_t offset = begin * row_size(x);
  return record(x.slice(begin, end), {x},
                [shape = x.shape(), offset](const Tensor& d_out) -> Gradients {
                  const Tensor d_x = Tensor::zeros(shape);
                  std::ranges::copy(d_out.values(), d_x.data() + offset);
                  return {d_x};
                });
}

Tensor concat_rows(std::span<const Tensor> parts) {
  if (parts.empty()) fail(ErrorKind::invalid_input, "concat_rows: expected at least one part");
  int64_t rows = 0;
  for (const Tensor& part : parts) {
    if (part.rank() == 0 || with_first(part.shape(), 0) != with_first(parts[0].shape(), 0))
      fail(ErrorKind::invalid_input, "concat_rows: expected ", shape_text(parts[0].shape()),
           " after the first dimension, got ", shape_text(part.shape()));
    rows += part.dim(0);
  }
  const Tensor out = Tensor::empty(with_first(parts[0].shape(), rows));
  float* to = out.data();
  std::vector<int64_t> counts;
  for (const Tensor& part : parts) {
    to = std::ranges::copy(part.values(), to).out;
    counts.push_back(part.dim(0));
  }
  return record(out, {parts.begin(), parts.end()}, [counts](const Tensor& d_out) -> Gradients {
    Gradients gradients;
    int64_t row = 0;
    for (const int64_t count : counts) {
      gradients.push_back(d_out.slice(row, row + count));
      row += count;
    }
    return gradients;
  });
}

}  // namespace deepseek
