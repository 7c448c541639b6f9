// SPDX-License-Identifier: Apache-2.0
#include "core/utf8.h"

#include <gtest/gtest.h>

namespace deepseek {
namespace {

// The example of Unicode 15, section 3.9, table 3-8 and its neighbours.
TEST(Utf8, ReplacesMaximalSubparts) {
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
            "A");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"),
            "\uFFFD\uFFFD\uFFFD\uFFFD"
            "A");
  EXPECT_EQ(replace_invalid_utf8("a\xF0\x9F\x98"), "a\uFFFD");
}

TEST(Utf8, RoundTripsEveryScalarValue) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    const Utf8Step step = read_utf8(text);
    ASSERT_EQ(step.code_point, c);
    ASSERT_EQ(size_t(step.size_bytes), text.size());
    for (size_t cut = 1; cut < text.size(); ++cut)
      ASSERT_EQ(complete_utf8_prefix(std::string_view(text).substr(0, cut)), 0u);
    ASSERT_EQ(complete_utf8_prefix(text), text.size());
  }
}

}  // namespace
}  // namespace deepseek
