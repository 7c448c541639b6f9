// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/letters.h"

#include <utf8proc.h>

#include "core/utf8.h"

namespace deepseek::jinja {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(utf8proc_int32_t(c)); }
char32_t upper(char32_t c) { return char32_t(utf8proc_toupper(utf8proc_int32_t(c))); }
char32_t lower(char32_t c) { return char32_t(utf8proc_tolower(utf8proc_int32_t(c))); }
bool has_case(char32_t c) { return is_upper(c) || is_lower(c); }

}  // namespace

bool is_letter(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return true;
    default:
      return false;
  }
}
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_numeric(char32_t c) {
  const utf8proc_category_t k = category(c);
  return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}
bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL; }

Text with_case(const Text& text, LetterCase to) {
  std::string out;
  bool begins = true;  // a word for title, the text for capital
  for (size_t at = 0; at < text.bytes.size();) {
    const size_t size = character_size(text.bytes, at);
    const std::string_view bytes = std::string_view(text.bytes).substr(at, size);
    const Utf8Step step = read_utf8(bytes);
    const char32_t c = step.code_point;
    at += size;
    if (step.kind != Utf8Step::Kind::good) {
      out += bytes;
      continue;
    }
    const bool raises = to == LetterCase::upper || (to == LetterCase::swap && is_lower(c)) ||
                        ((to == LetterCase::capital || to == LetterCase::title) && begins);
    append_utf8(out, raises ? upper(c) : lower(c));
    begins = to == LetterCase::title && !has_case(c);
  }
  TextBuilder built;
  built.append_derived(out, text);
  return built.take();
}

}  // namespace deepseek::jinja
