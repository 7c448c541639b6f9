// SPDX-License-Identifier: Apache-2.0
#include "ops/weight.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tensor/float_convert.h"
#include "tests/support/random_weight.h"

namespace deepseek {
namespace {

using test::random_weight;

float at(const Weight& weight, int64_t row, int64_t col) {
  return weight.dequantized_rows(row, 1).data()[col];
}

/// rows x cols of fp8 in blocks of 2 x 3, each value and each scale its own.
Weight small_fp8(int64_t rows, int64_t cols) {
  const auto storage = Storage::allocate(rows * cols);
  for (int64_t i = 0; i < rows * cols; ++i)
    storage->data()[i] = std::byte{f32_to_e4m3(1 + static_cast<float>(i % 7))};
  BlockScales scales{Tensor::empty({(rows + 1) / 2, (cols + 2) / 3}), 2, 3};
  for (int64_t i = 0; i < scales.values.numel(); ++i)
    scales.values.data()[i] = static_cast<float>(i + 1);
  return Weight::from_rows(Format::fp8, rows, cols, storage, 0, scales);
}

TEST(Weight, TransposedHoldsTheSameValuesInTheSameFormat) {
  for (const Format format : {Format::f32, Format::f16, Format::bf16}) {
    const Weight weight = random_weight(format, 5, 9, 1);
    const Weight turned = weight.transposed();
    EXPECT_EQ(turned.format(), format);
    for (int64_t r = 0; r < 5; ++r)
      for (int64_t c = 0; c < 9; ++c) EXPECT_EQ(at(turned, c, r), at(weight, r, c));
  }
  const Weight fp8 = small_fp8(5, 7), turned = fp8.transposed();
  EXPECT_EQ(turned.format(), Format::fp8);
  EXPECT_EQ(turned.scales()->block_rows, 3);
  for (int64_t r = 0; r < 5; ++r)
    for (int64_t c = 0; c < 7; ++c) EXPECT_EQ(at(turned, c, r), at(fp8, r, c));
  const Weight blocks = random_weight(Format::q4_k, 4, 256, 2), wide = blocks.transposed();
  EXPECT_EQ(wide.format(), Format::f32);
  EXPECT_EQ(at(wide, 200, 3), at(blocks, 3, 200));
}

TEST(Weight, PanelsOfFp8HoldTheirScalesAlone) {
  const Weight rows = small_fp8(21, 7), panels = rows.packed();
  EXPECT_FALSE(panels.scales()->values.defined());
  EXPECT_EQ(panels.scales()->block_cols, 3);
  for (int64_t r = 0; r < 21; ++r)
    for (int64_t c = 0; c < 7; ++c) EXPECT_EQ(at(panels, r, c), at(rows, r, c));
}

TEST(Weight, ASliceOfRowsSharesTheBytes) {
  for (const Format format : {Format::f32, Format::bf16, Format::q8_0, Format::q4_k}) {
    const Weight weight = random_weight(format, 9, 256, 3);
    const Weight slice = weight.row_slice(2, 4);
    EXPECT_EQ(slice.data(), weight.data() + weight.size_bytes() / 9 * 2);
    for (int64_t r = 0; r < 4; ++r) EXPECT_EQ(at(slice, r, 17), at(weight, r + 2, 17));
  }
  const Weight fp8 = small_fp8(7, 4), slice = fp8.row_slice(4, 3);
  for (int64_t r = 0; r < 3; ++r)
    for (int64_t c = 0; c < 4; ++c) EXPECT_EQ(at(slice, r, c), at(fp8, r + 4, c));
  EXPECT_FALSE(fp8.can_slice_at(3)) << "inside a block of scales";
  EXPECT_THROW(fp8.row_slice(3, 2), Error);
  EXPECT_THROW(fp8.row_slice(6, 2), Error);
}

}  // namespace
}  // namespace deepseek
