// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <utf8proc.h>

#include "core/error.h"
#include "core/utf8.h"
#include "formats/byte_level.h"
#include "formats/normalizer.h"
#include "formats/regex.h"
#include "formats/regex_syntax.h"
#include "formats/unicode.h"

namespace deepseek {
namespace {

std::string utf8(char32_t c) {
  std::string text;
  append_utf8(text, c);
  return text;
}

std::vector<char32_t> all_characters() {
  std::vector<char32_t> characters;
  for (char32_t c = 0; c <= 0x10FFFF; ++c)
    if (c < 0xD800 || c > 0xDFFF) characters.push_back(c);
  return characters;
}

std::string normalized_by_library(const std::string& text, int options) {
  utf8proc_uint8_t* out = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 utf8proc_ssize_t(text.size()), &out,
                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | options));
  std::string result(reinterpret_cast<char*>(out), size_t(size));
  free(out);
  return result;
}

TEST(ByteLevel, SpellsEveryByteAndReadsItBack) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    std::string back;
    EXPECT_TRUE(append_byte_level(back, byte_level_spelling(one)));
    EXPECT_EQ(back, one);
  }
  EXPECT_EQ(byte_level_spelling(" a\n\xE4"), "ĠaĊä");
  std::string kept = "x";
  for (const char* wrong : {" ", "\n", "月", "ņ", "\xC4", "\xAD"}) {
    EXPECT_FALSE(append_byte_level(kept, wrong));
    EXPECT_EQ(kept, "x");
  }
}

TEST(Normalizer, EveryCharacterAndItsPairsWithMarksAreAsInTheLibrary) {
  struct Form {
    UnicodeForm form;
    int options;
  };
  const Form forms[] = {
      {UnicodeForm::nfc, UTF8PROC_COMPOSE},
      {UnicodeForm::nfd, UTF8PROC_DECOMPOSE},
      {UnicodeForm::nfkc, UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
      {UnicodeForm::nfkd, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
  };
  for (const auto& [form, options] : forms) {
    std::string text;
    for (const char32_t c : all_characters()) {
      // U+0000 and unassigned characters are nothing the library maps.
      if (c == 0 || utf8proc_category(utf8proc_int32_t(c)) == UTF8PROC_CATEGORY_CN) continue;
      text += "x" + utf8(c) + "y";
      if (c % 16 == 0)
        for (const char* after : {"\u0301", "\u0323", "\u1161", "\u3099"})
          text += "x" + utf8(c) + after;
      if (text.size() < 4000) continue;
      ASSERT_EQ(unicode_normalize(text, form), normalized_by_library(text, options))
          << "up to U+" << std::hex << uint32_t(c);
      text.clear();
    }
    EXPECT_EQ(unicode_normalize(text, form), normalized_by_library(text, options));
  }
}

TEST(Normalizer, LongRunsOfMarksAreSortedInTime) {
  std::string text = "a";
  for (int i = 0; i < 300'000; ++i) text += i % 2 ? "\u0323" : "\u0301";
  const std::string nfd = unicode_normalize(text, UnicodeForm::nfd);
  EXPECT_EQ(nfd.size(), text.size());
  EXPECT_TRUE(nfd.starts_with("a\u0323\u0323"));
  EXPECT_TRUE(nfd.ends_with("\u0301\u0301"));
}

TEST(Regex, ClassesFollowUnicodeAndNotTheLibrary) {
  Regex::Scratch scratch;
  const Regex space("\\s", "test"), not_space("[\\S]", "test"), word("\\w", "test");
  for (const char32_t c : all_characters()) {
    const std::string text = utf8(c);
    Regex::Match match;
    ASSERT_EQ(space.find(text, 0, scratch, match), is_white_space(c)) << std::hex << uint32_t(c);
    ASSERT_EQ(not_space.find(text, 0, scratch, match), !is_white_space(c));
  }
  Regex::Match match;
  EXPECT_TRUE(word.find("\u0301", 0, scratch, match));
  EXPECT_TRUE(word.find("\u203F", 0, scratch, match));
  EXPECT_FALSE(word.find("½", 0, scratch, match));
}

TEST(Regex, SyntaxIsThatOfTokenizerFiles) {
  EXPECT_EQ(pcre2_pattern("\\u3040-\\h\\v{,3}", "test"), "\\x{3040}-[0-9A-Fa-f]\\x{B}{0,3}");
  EXPECT_EQ(pcre2_pattern("(?mi-x:.)(?m)", "test"), "(?si-x:.)(?s)");
  EXPECT_EQ(pcre2_pattern("\\p{Han}\\p{^Letter}\\P{Lu}[\\p{Nd}]", "test"),
            "\\p{sc:Han}\\P{L}\\P{Lu}[\\p{Nd}]");
  EXPECT_EQ(pcre2_pattern("[]a[:alpha:]\\]]x{2}{a", "test"), "[]a[:alpha:]\\]]x{2}{a");
  EXPECT_EQ(quoted_pattern("a.b"), "a\\x{2e}b");
}

TEST(Regex, SearchesReachAcrossWindows) {
  Regex::Scratch scratch;
  const Regex regex("猫", "test");
  for (const size_t before : {0, 100, 255, 256, 257, 512, 5000}) {
    const std::string text = std::string(before, 'x') + "猫" + std::string(300, 'y');
    Regex::Match match;
    ASSERT_TRUE(regex.find(text, 0, scratch, match));
    EXPECT_EQ(match.begin, before);
    EXPECT_EQ(match.end, before + 3);
    EXPECT_FALSE(regex.find(text, before + 3, scratch, match));
  }
}

}  // namespace
}  // namespace deepseek
