// SPDX-License-Identifier: Apache-2.0
#include "ops/block_scales.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace deepseek {
namespace {

/// Rows of zero bytes, of which one byte of one block is all ones.
Weight with_ones_at(const FormatInfo& info, int64_t row, int64_t block, int64_t byte) {
  constexpr int64_t rows = 3, blocks = 2;
  const int64_t row_bytes = blocks * info.block_bytes;
  const auto storage = Storage::allocate(rows * row_bytes);
  std::memset(storage->data(), 0, static_cast<size_t>(rows * row_bytes));
  if (byte >= 0)
    storage->data()[row * row_bytes + block * info.block_bytes + byte] = std::byte{0xFF};
  return Weight::from_rows(info.format, rows, blocks * info.block_size, storage, 0);
}

TEST(BlockScales, AreFoundWhereverTheyMakeValuesThatAreNoNumbers) {
  int formats = 0;
  for (const FormatInfo& info : all_formats()) {
    if (info.block_size == 1) continue;
    EXPECT_EQ(row_with_bad_scale(with_ones_at(info, 0, 0, -1)), std::nullopt) << info.name;
    int bad = 0;
    for (int64_t byte = 0; byte < info.block_bytes; ++byte) {
      const Weight weight = with_ones_at(info, 1, 1, byte);
      bool finite = true;
      const Tensor values = weight.dequantized_rows(1, 1);
      for (const float value : values.values()) finite = finite && std::isfinite(value);
      const auto found = row_with_bad_scale(weight);
      if (finite) continue;  // a bad scale may also meet codes of zero alone
      EXPECT_EQ(found, 1) << info.name << " byte " << byte;
      ++bad;
    }
    formats += bad > 0;
  }
  EXPECT_GE(formats, 20) << "formats whose scale can be damaged by one byte";
}

}  // namespace
}  // namespace deepseek
