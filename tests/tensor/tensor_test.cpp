// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include "tensor/format.h"

namespace deepseek {
namespace {

TEST(Tensor, ViewsShareElements) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const Tensor t = Tensor::from({3, 2}, values);
  EXPECT_EQ(t.dim(-1), 2);
  EXPECT_EQ(t.rows(), 3);
  const Tensor row = t.slice(1, 2);
  EXPECT_EQ(row.shape(), (Shape{1, 2}));
  EXPECT_EQ(row.data(), t.data() + 2);
  EXPECT_EQ(t.reshape({-1}).shape(), (Shape{6}));
  EXPECT_EQ(t.reshape({2, -1}).data()[5], 6);
  EXPECT_THROW(t.reshape({4, 2}), Error);
  EXPECT_THROW(t.slice(2, 4), Error);
  EXPECT_THROW(t.data_i64(), Error);
}

TEST(Tensor, RefusesAShapeWhoseSizeOverflows) {
  EXPECT_THROW(Tensor::empty({int64_t{1} << 40, int64_t{1} << 40}), Error);
  EXPECT_THROW(Tensor::empty({-1}), Error);
}

TEST(Tensor, ConvertsFloatTypes) {
  Tensor t = Tensor::empty({2}, DType::bf16);
  reinterpret_cast<uint16_t*>(t.bytes())[0] = 0x3F80;
  reinterpret_cast<uint16_t*>(t.bytes())[1] = 0xC000;
  EXPECT_EQ(t.to_f32().data()[0], 1);
  EXPECT_EQ(t.to_f32().data()[1], -2);
  EXPECT_THROW(Tensor::zeros({1}, DType::i64).to_f32(), Error);
}

TEST(Format, TheTableIsIndexedByItsEnum) {
  for (const FormatInfo& info : all_formats()) {
    EXPECT_EQ(&format_info(info.format), &info);
    EXPECT_EQ(format_from_name(info.name), info.format);
    if (info.ggml_type >= 0) {
      EXPECT_EQ(format_from_ggml(info.ggml_type), info.format);
    }
  }
  EXPECT_EQ(format_from_ggml(-1), std::nullopt);
  EXPECT_EQ(format_from_ggml(4), std::nullopt);
}

}  // namespace
}  // namespace deepseek
