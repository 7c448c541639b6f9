// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "tensor/format.h"
#include "tensor/tensor.h"

namespace deepseek {

/// Scales of an FP8 weight: value = e4m3(q) * values[row / block_rows, col / block_cols]
/// (`weight_scale_inv` of DeepSeek-V3 files, which multiplies despite its name).
struct BlockScales {
  Tensor values;  // f32 [ceil(rows / block_rows), ceil(cols / block_cols)]; none beside panels
  int64_t block_rows = 128;
  int64_t block_cols = 128;
};

/// One weight matrix [rows, cols] = [outputs, inputs] in the format it is stored in. It is either
/// `rows`: row-major exactly as the checkpoint has it (mapped, or a trainable f32 tensor), or
/// `panels`: permuted at load into the layout the linear kernels stream. Copies share the bytes.
class Weight {
 public:
  enum class Layout { rows, panels };

  Weight() = default;
  /// Row-major blocks at `storage + offset_bytes`. Throws bad_file when they do not fit, when the
  /// format's block size does not divide `cols`, or when fp8 comes without scales.
  static Weight from_rows(Format format, int64_t rows, int64_t cols,
                          std::shared_ptr<Storage> storage, int64_t offset_bytes,
                          std::optional<BlockScales> scales = std::nullopt);
  /// A dense f32 tensor [rows, cols], possibly a parameter: tensor() answers the same handle.
  static Weight from_tensor(const Tensor& tensor);

  bool defined() const { return rows_ > 0; }
  Format format() const { return format_; }
  Layout layout() const { return layout_; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t size_bytes() const;
  const std::byte* data() const { return storage_->data() + offset_bytes_; }
  const std::optional<BlockScales>& scales() const { return scales_; }
  /// Bits that the linear kernels round activations to for this weight, where its blocks are
  /// multiplied as integers: 15, or 8 for less work and a coarser result.
  int activation_bits() const { return activation_bits_; }
  Weight with_activation_bits(int bits) const;
  /// The tensor of from_tensor; undefined otherwise.
  const Tensor& tensor() const { return tensor_; }

  /// The bytes of all rows of a weight in rows.
  std::span<const std::byte> row_bytes() const;

  /// The same matrix in panels, in memory of its own or of `arena`. Formats without a linear kernel
  /// of their own become f32 panels first. `taken` is given slices of rows as they are done with.
  Weight packed(StorageArena* arena = nullptr,
                const std::function<void(const Weight& rows)>& taken = {}) const;
  /// The same matrix as dense f32 rows.
  Weight dequantized() const;
  /// Rows [first, first + count) of a weight in rows, sharing its bytes. With scales, `first` must
  /// begin a block: can_slice_at.
  Weight row_slice(int64_t first, int64_t count) const;
  bool can_slice_at(int64_t first) const { return !scales_ || first % scales_->block_rows == 0; }
  /// The transposed matrix of a weight in rows, in memory of its own: f32, f16, bf16 and fp8 keep
  /// their format, blocks of other formats lie along a row and become f32.
  Weight transposed() const;
  /// Rows [first, first + count) as f32 [count, cols].
  Tensor dequantized_rows(int64_t first, int64_t count) const;
  /// Writes row `index` as f32 [cols].
  void row(int64_t index, float* out) const;

 private:
  Format format_ = Format::f32;
  Layout layout_ = Layout::rows;
  int activation_bits_ = 15;
  int64_t rows_ = 0, cols_ = 0, offset_bytes_ = 0;
  std::shared_ptr<Storage> storage_;
  std::optional<BlockScales> scales_;
  Tensor tensor_;
};

/// True when the linear kernels compute on this format's own blocks; false when packed() has to
/// dequantise it, at 4 bytes a value.
bool has_linear_kernel(Format format);
/// True when they round activations and multiply integers: Weight::activation_bits matters.
bool multiplies_integers(Format format);

}  // namespace deepseek
