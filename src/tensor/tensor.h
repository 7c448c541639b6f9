// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "tensor/dtype.h"
#include "tensor/storage.h"

namespace deepseek {

using Shape = std::vector<int64_t>;

/// An eager, dense, row-major value handle: shared storage, shape and element type. Copying shares
/// the elements; ops never mutate their inputs. Activations are f32 everywhere.
class Tensor {
 public:
  Tensor() = default;

  static Tensor empty(Shape shape, DType dtype = DType::f32);
  static Tensor zeros(Shape shape, DType dtype = DType::f32);
  static Tensor full(Shape shape, float value);
  static Tensor from(Shape shape, std::span<const float> values);
  static Tensor from(Shape shape, std::span<const int64_t> values);
  /// A tensor over existing bytes. Throws internal when they do not fit the shape.
  static Tensor over(std::shared_ptr<Storage> storage, int64_t offset_bytes, Shape shape,
                     DType dtype);
  static Tensor empty_like(const Tensor& other) { return empty(other.shape_, other.dtype_); }

  bool defined() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  int64_t dim(int axis) const;  // negative axes count from the end
  int64_t numel() const;
  /// Rows of the tensor seen as [rows, dim(-1)].
  int64_t rows() const;
  int64_t size_bytes() const { return numel() * dtype_size(dtype_); }

  float* data() const { return as<float>(DType::f32); }
  int64_t* data_i64() const { return as<int64_t>(DType::i64); }
  std::byte* bytes() const { return storage_->data() + offset_bytes_; }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  std::span<float> values() const { return {data(), static_cast<size_t>(numel())}; }
  float item() const;

  /// Same elements, other shape; one dimension may be -1.
  Tensor reshape(Shape shape) const;
  /// Rows [begin, end) of the first axis, sharing storage.
  Tensor slice(int64_t begin, int64_t end) const;
  /// Same shape, converted element by element to f32 (a view when it is f32 already). Takes any
  /// float type.
  Tensor to_f32() const;
  Tensor clone() const;

  /// Which node of the live Tape made this value; 0 when none. Only ops/tape touches it.
  uint64_t node() const { return node_; }
  Tensor with_node(uint64_t node) const;

 private:
  template <class T>
  T* as(DType expected) const {
    if (dtype_ != expected)
      fail(ErrorKind::internal, "Tensor: expected ", dtype_name(expected), ", got ",
           dtype_name(dtype_));
    return reinterpret_cast<T*>(bytes());
  }

  std::shared_ptr<Storage> storage_;
  int64_t offset_bytes_ = 0;
  Shape shape_;
  DType dtype_ = DType::f32;
  uint64_t node_ = 0;
};

/// Throws invalid_input "op: name: expected shape …, got …" unless the shapes are equal.
void require_shape(std::string_view op, std::string_view name, const Tensor& tensor,
                   std::initializer_list<int64_t> shape);

}  // namespace deepseek
