// SPDX-License-Identifier: Apache-2.0
#include "formats/unicode.h"

#include <utf8proc.h>

#include "core/utf8.h"

namespace deepseek {
namespace {

/// Start of the last character of `text`, which is not empty.
size_t last_character(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (text[at] & 0xC0) == 0x80) --at;
  return at;
}

}  // namespace

bool is_white_space(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_word_character(char32_t c) {
  if (c == 0x200C || c == 0x200D) return true;
  switch (utf8proc_category(utf8proc_int32_t(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      // Circled and squared letters are Alphabetic, too.
      return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
             (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

size_t leading_white_space(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Step step = read_utf8(text.substr(at));
    if (!is_white_space(step.code_point)) break;
    at += step.size_bytes;
  }
  return at;
}

size_t trailing_white_space(std::string_view text) {
  const size_t size = text.size();
  while (!text.empty()) {
    const size_t at = last_character(text);
    if (!is_white_space(read_utf8(text.substr(at)).code_point)) break;
    text = text.substr(0, at);
  }
  return size - text.size();
}

bool starts_with_word(std::string_view text) {
  return !text.empty() && is_word_character(read_utf8(text).code_point);
}

bool ends_with_word(std::string_view text) {
  return !text.empty() &&
         is_word_character(read_utf8(text.substr(last_character(text))).code_point);
}

}  // namespace deepseek
