// SPDX-License-Identifier: Apache-2.0
#include "core/text.h"

#include <gtest/gtest.h>

namespace deepseek {
namespace {

TEST(Text, PrintsShapesAndSizes) {
  EXPECT_EQ(shape_text(std::vector<int64_t>{2, 3}), "[2, 3]");
  EXPECT_EQ(shape_text(std::vector<int64_t>{}), "[]");
  EXPECT_EQ(size_text(17), "17 bytes");
  EXPECT_EQ(size_text(1536), "1.50 KiB");
  EXPECT_EQ(size_text(uint64_t{92} << 20), "92.0 MiB");
}

TEST(Text, FindsTheNearestName) {
  const std::vector<std::string> names{"tokenize", "template", "trace"};
  EXPECT_EQ(nearest_name("tokenise", names), "tokenize");
  EXPECT_EQ(nearest_name("tarce", names), "trace");
  EXPECT_EQ(nearest_name("zebra-crossing", names), "");
}

TEST(Printable, KeepsUntrustedNamesOnOneShortLine) {
  EXPECT_EQ(printable("model.layers.0 中"), "model.layers.0 中");
  EXPECT_EQ(printable("a\nb\xff"), "a\uFFFDb\uFFFD");
  EXPECT_EQ(printable("abcdef", 3), "abc…");
}

}  // namespace
}  // namespace deepseek
