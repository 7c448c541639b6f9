// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>

#include "tensor/float_convert.h"

namespace deepseek {
namespace {

int64_t product(const Shape& shape) {
  int64_t n = 1;
  for (const int64_t d : shape)
    if (d < 0 || __builtin_mul_overflow(n, d, &n))
      fail(ErrorKind::internal, "Tensor: shape ", shape_text(shape), " is negative or too large");
  return n;
}

}  // namespace

Tensor Tensor::empty(Shape shape, DType dtype) {
  Tensor out;
  const int64_t n = product(shape);
  out.storage_ = Storage::allocate(n * dtype_size(dtype));
  out.shape_ = std::move(shape);
  out.dtype_ = dtype;
  return out;
}

Tensor Tensor::zeros(Shape shape, DType dtype) {
  Tensor out = empty(std::move(shape), dtype);
  std::memset(out.bytes(), 0, static_cast<size_t>(out.size_bytes()));
  return out;
}

Tensor Tensor::full(Shape shape, float value) {
  Tensor out = empty(std::move(shape));
  std::ranges::fill(out.values(), value);
  return out;
}

Tensor Tensor::from(Shape shape, std::span<const float> values) {
  Tensor out = empty(std::move(shape));
  if (out.numel() != static_cast<int64_t>(values.size()))
    fail(ErrorKind::internal, "Tensor::from: shape ", shape_text(out.shape_), " given ",
         values.size(), " values");
  std::ranges::copy(values, out.data());
  return out;
}

Tensor Tensor::from(Shape shape, std::span<const int64_t> values) {
  Tensor out = empty(std::move(shape), DType::i64);
  if (out.numel() != static_cast<int64_t>(values.size()))
    fail(ErrorKind::internal, "Tensor::from: shape ", shape_text(out.shape_), " given ",
         values.size(), " values");
  std::ranges::copy(values, out.data_i64());
  return out;
}

Tensor Tensor::over(std::shared_ptr<Storage> storage, int64_t offset_bytes, Shape shape,
                    DType dtype) {
  const int64_t size = product(shape) * dtype_size(dtype);
  if (offset_bytes < 0 || offset_bytes + size > storage->size_bytes())
    fail(ErrorKind::internal, "Tensor::over: shape ", shape_text(shape), " at ", offset_bytes,
         " does not fit ", storage->size_bytes(), " bytes");
  Tensor out;
  out.storage_ = std::move(storage);
  out.offset_bytes_ = offset_bytes;
  out.shape_ = std::move(shape);
  out.dtype_ = dtype;
  return out;
}

int64_t Tensor::dim(int axis) const {
  const int i = axis < 0 ? axis + rank() : axis;
  if (i < 0 || i >= rank())
    fail(ErrorKind::internal, "Tensor: no axis ", axis, " in ", shape_text(shape_));
  return shape_[static_cast<size_t>(i)];
}

int64_t Tensor::numel() const {
  int64_t n = 1;
  for (const int64_t d : shape_) n *= d;
  return n;
}

int64_t Tensor::rows() const {
  int64_t n = 1;
  for (size_t i = 0; i + 1 < shape_.size(); ++i) n *= shape_[i];
  return n;
}

float Tensor::item() const {
  if (numel() != 1)
    fail(ErrorKind::internal, "Tensor::item: expected one element, got ", shape_text(shape_));
  return data()[0];
}

Tensor Tensor::reshape(Shape shape) const {
  int64_t known = 1;
  int64_t* open = nullptr;
  for (int64_t& d : shape) {
    if (d == -1)
      open = &d;
    else
      known *= d;
  }
  if (open != nullptr) *open = known == 0 ? 0 : numel() / known;
  if (product(shape) != numel())
    fail(ErrorKind::internal, "Tensor::reshape: ", shape_text(shape_), " to ", shape_text(shape));
  Tensor out = *this;
  out.shape_ = std::move(shape);
  return out;
}

Tensor Tensor::slice(int64_t begin, int64_t end) const {
  if (rank() == 0 || begin < 0 || begin > end || end > shape_[0])
    fail(ErrorKind::internal, "Tensor::slice: ", begin, "..", end, " of ", shape_text(shape_));
  Tensor out = *this;
  const int64_t stride = shape_[0] == 0 ? 0 : size_bytes() / shape_[0];
  out.offset_bytes_ += begin * stride;
  out.shape_[0] = end - begin;
  out.node_ = 0;
  return out;
}

Tensor Tensor::to_f32() const {
  if (dtype_ == DType::f32) return *this;
  Tensor out = empty(shape_);
  const int64_t n = numel();
  float* to = out.data();
  const auto each = [&](auto* from, auto convert) {
    for (int64_t i = 0; i < n; ++i) to[i] = convert(from[i]);
  };
  switch (dtype_) {
    case DType::f64:
      each(reinterpret_cast<const double*>(bytes()), [](double v) { return float(v); });
      break;
    case DType::bf16:
      each(reinterpret_cast<const uint16_t*>(bytes()), bf16_to_f32);
      break;
    case DType::f16:
      each(reinterpret_cast<const uint16_t*>(bytes()), f16_to_f32);
      break;
    case DType::e4m3:
      each(reinterpret_cast<const uint8_t*>(bytes()), e4m3_to_f32);
      break;
    case DType::e5m2:
      each(reinterpret_cast<const uint8_t*>(bytes()), e5m2_to_f32);
      break;
    case DType::e8m0:
      each(reinterpret_cast<const uint8_t*>(bytes()), e8m0_to_f32);
      break;
    default:
      fail(ErrorKind::invalid_input, "expected a float type, got ", dtype_name(dtype_));
  }
  return out;
}

Tensor Tensor::clone() const {
  Tensor out = empty(shape_, dtype_);
  std::memcpy(out.bytes(), bytes(), static_cast<size_t>(size_bytes()));
  return out;
}

Tensor Tensor::with_node(uint64_t node) const {
  Tensor out = *this;
  out.node_ = node;
  return out;
}

void require_shape(std::string_view op, std::string_view name, const Tensor& tensor,
                   std::initializer_list<int64_t> shape) {
  if (!std::ranges::equal(tensor.shape(), shape))
    fail(ErrorKind::invalid_input, op, ": ", name, ": expected shape ", shape_text(Shape(shape)),
         ", got ", shape_text(tensor.shape()));
}

}  // namespace deepseek
