// SPDX-License-Identifier: Apache-2.0
#include "ops/weight.h"

#include <algorithm>
#include <numeric>

#include "core/divide.h"
#include "core/thread_pool.h"
#include "kernels/dequantize.h"
#include "kernels/linear.h"
#include "ops/pack.h"
#include "tensor/float_convert.h"

namespace deepseek {
namespace {

using kernels::panel_width;

constexpr int64_t packing_run = int64_t{8} << 20;  // bytes of panels

void check_scales(int64_t rows, int64_t cols, const BlockScales& scales) {
  if (scales.block_rows < 1 || scales.block_cols < 1)
    fail(ErrorKind::bad_file, "weight scales: expected blocks of at least 1 x 1, got ",
         scales.block_rows, " x ", scales.block_cols, "; the file is damaged");
  const Shape expected{divide_up(rows, scales.block_rows), divide_up(cols, scales.block_cols)};
  if (scales.values.shape() != expected || scales.values.dtype() != DType::f32)
    fail(ErrorKind::bad_file, "weight scales: expected f32 ", shape_text(expected), " for ", rows,
         " x ", cols, " values in blocks of ", scales.block_rows, " x ", scales.block_cols,
         ", got ", dtype_name(scales.values.dtype()), " ", shape_text(scales.values.shape()),
         "; the file is damaged or its block size is another");
}

template <class T>
void transpose(const std::byte* from, int64_t rows, int64_t cols, std::byte* to) {
  const T* source = reinterpret_cast<const T*>(from);
  T* target = reinterpret_cast<T*>(to);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) target[c * rows + r] = source[r * cols + c];
}

BlockScales transposed(const BlockScales& scales) {
  const int64_t rows = scales.values.dim(0), cols = scales.values.dim(1);
  BlockScales out{Tensor::empty({cols, rows}), scales.block_cols, scales.block_rows};
  transpose<float>(scales.values.bytes(), rows, cols, out.values.bytes());
  return out;
}

}  // namespace

bool has_linear_kernel(Format format) { return kernels::linear_family(format) != nullptr; }
bool multiplies_integers(Format format) { return kernels::block_layout(format) != nullptr; }

Weight Weight::from_rows(Format format, int64_t rows, int64_t cols,
                         std::shared_ptr<Storage> storage, int64_t offset_bytes,
                         std::optional<BlockScales> scales) {
  const FormatInfo& info = format_info(format);
  if (rows < 1 || cols < 1)
    fail(ErrorKind::bad_file, "weight: expected at least one row and column, got ", rows, " x ",
         cols, "; the file is damaged");
  if (cols % info.block_size != 0)
    fail(ErrorKind::bad_file, "weight of type ", info.name, ": expected a multiple of ",
         info.block_size, " columns, got ", cols, "; the file is damaged");
  const int64_t available = storage ? storage->size_bytes() - offset_bytes : 0;
  const int64_t row_bytes = info.row_bytes(cols);
  if (offset_bytes < 0 || available < 0 || row_bytes > available || rows > available / row_bytes)
    fail(ErrorKind::bad_file, "weight of type ", info.name, ": ", rows, " x ", cols,
         " values do not fit the ", std::max<int64_t>(available, 0), " bytes at offset ",
         offset_bytes, "; the file is truncated");
  if ((format == Format::fp8) != scales.has_value())
    fail(ErrorKind::bad_file, "weight of type ", info.name, ": expected ",
         format == Format::fp8 ? "block scales, got none" : "no block scales, got some",
         "; the file is incomplete");
  if (scales) check_scales(rows, cols, *scales);
  Weight weight;
  weight.format_ = format;
  weight.rows_ = rows;
  weight.cols_ = cols;
  weight.offset_bytes_ = offset_bytes;
  weight.storage_ = std::move(storage);
  weight.scales_ = std::move(scales);
  return weight;
}

Weight Weight::from_tensor(const Tensor& tensor) {
  if (tensor.rank() != 2 || tensor.dtype() != DType::f32)
    fail(ErrorKind::internal, "weight: expected an f32 matrix, got ", dtype_name(tensor.dtype()),
         " ", shape_text(tensor.shape()));
  Weight weight = from_rows(Format::f32, tensor.dim(0), tensor.dim(1), tensor.storage(),
                            tensor.bytes() - tensor.storage()->data());
  weight.tensor_ = tensor;
  return weight;
}

int64_t Weight::size_bytes() const {
  if (layout_ == Layout::panels) return panel_count(*this) * packed_panel_bytes(*this);
  return rows_ * format_info(format_).row_bytes(cols_) +
         (scales_ ? scales_->values.size_bytes() : 0);
}

Weight Weight::with_activation_bits(int bits) const {
  if (bits != 8 && bits != 15)
    fail(ErrorKind::internal, "weight: activations have 8 or 15 bits, not ", bits);
  Weight out = *this;
  out.activation_bits_ = bits;
  return out;
}

std::span<const std::byte> Weight::row_bytes() const {
  if (layout_ != Layout::rows || !defined()) return {};
  return {data(), static_cast<size_t>(rows_ * format_info(format_).row_bytes(cols_))};
}

Weight Weight::packed(StorageArena* arena,
                      const std::function<void(const Weight& rows)>& taken) const {
  if (layout_ == Layout::panels) return *this;
  Weight out;
  out.format_ = compute_format(format_);
  out.layout_ = Layout::panels;
  out.rows_ = rows_;
  out.cols_ = cols_;
  if (scales_) out.scales_ = BlockScales{{}, scales_->block_rows, scales_->block_cols};
  out.activation_bits_ = activation_bits_;
  const int64_t bytes = packed_panel_bytes(*this), count = panel_count(*this);
  out.storage_ = arena ? arena->allocate(bytes * count) : Storage::allocate(bytes * count);
  std::byte* panels = out.storage_->data();
  const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 18) / bytes);
  // In runs, so that source and panels of a large matrix are never in memory whole together.
  const int64_t step = scales_ ? std::lcm(panel_width, scales_->block_rows) / panel_width : 1;
  const int64_t run = taken ? std::max(step, packing_run / bytes / step * step) : count;
  for (int64_t first = 0; first < count; first += run) {
    const int64_t panel_end = std::min(count, first + run);
    compute_pool().parallel_for(panel_end - first, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t p = first + begin; p < first + end; ++p)
        pack_panel(*this, p, panels + p * bytes);
    });
    const int64_t first_row = first * panel_width;
    if (taken) taken(row_slice(first_row, std::min(rows_, panel_end * panel_width) - first_row));
  }
  return out;
}

Weight Weight::dequantized() const {
  if (format_ == Format::f32 && layout_ == Layout::rows) return *this;
  return from_tensor(dequantized_rows(0, rows_));
}

Weight Weight::row_slice(int64_t first, int64_t count) const {
  if (layout_ != Layout::rows || first < 0 || count < 1 || count > rows_ - first ||
      !can_slice_at(first))
    fail(ErrorKind::internal, "weight: no rows ", first, " to ", first + count, " of ", rows_);
  std::optional<BlockScales> scales = scales_;
  if (scales)
    scales->values = scales->values.slice(first / scales->block_rows,
                                          divide_up(first + count, scales->block_rows));
  return from_rows(format_, count, cols_, storage_,
                   offset_bytes_ + first * format_info(format_).row_bytes(cols_),
                   std::move(scales));
}

Weight Weight::transposed() const {
  if (layout_ != Layout::rows) fail(ErrorKind::internal, "weight: cannot transpose panels");
  if (format_info(format_).block_size != 1) return dequantized().transposed();
  const int64_t value_bytes = format_info(format_).row_bytes(1);
  std::shared_ptr<Storage> storage = Storage::allocate(rows_ * cols_ * value_bytes);
  if (value_bytes == 4)
    transpose<uint32_t>(data(), rows_, cols_, storage->data());
  else if (value_bytes == 2)
    transpose<uint16_t>(data(), rows_, cols_, storage->data());
  else
    transpose<uint8_t>(data(), rows_, cols_, storage->data());
  std::optional<BlockScales> scales;
  if (scales_) scales = deepseek::transposed(*scales_);
  return from_rows(format_, cols_, rows_, std::move(storage), 0, std::move(scales));
}

Tensor Weight::dequantized_rows(int64_t first, int64_t count) const {
  const Tensor dense = Tensor::empty({count, cols_});
  const int64_t grain = std::max<int64_t>(1, 65536 / cols_);
  compute_pool().parallel_for(count, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) row(first + r, dense.data() + r * cols_);
  });
  return dense;
}

void Weight::row(int64_t index, float* out) const {
  if (layout_ == Layout::panels) {
    const std::byte* panel = data() + index / panel_width * packed_panel_bytes(*this);
    kernels::panel_row(format_, panel, cols_, scales_ ? scales_->block_cols : 0,
                       index % panel_width, out);
    return;
  }
  const std::byte* blocks = data() + index * format_info(format_).row_bytes(cols_);
  if (!scales_) return kernels::dequantize_row(format_, blocks, out, cols_);
  const float* scale =
      scales_->values.data() + index / scales_->block_rows * scales_->values.dim(1);
  for (int64_t k = 0; k < cols_; ++k)
    out[k] = e4m3_to_f32(uint8_t(blocks[k])) * scale[k / scales_->block_cols];
}

}  // namespace deepseek
