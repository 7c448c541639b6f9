// SPDX-License-Identifier: Apache-2.0
#include "cli/roff.h"

#include "core/utf8.h"

namespace deepseek::cli {
namespace {

constexpr std::u32string_view opening_marks = U"（【《“";
constexpr std::u32string_view closing_marks = U"）】》”，。、；：？！…";

bool is_chinese(char32_t c) {
  return (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0xff00 && c <= 0xffef) || c == U'“' || c == U'”';
}

bool may_break_between(char32_t left, char32_t right) {
  return is_chinese(left) && opening_marks.find(left) == opening_marks.npos && right != ' ' &&
         closing_marks.find(right) == closing_marks.npos;
}

/// Empty for what is printed as it is.
std::string_view escape_of(char32_t c) {
  switch (c) {
    case '\\':
      return "\\(rs";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '"':
      return "\\(dq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    default:
      return {};
  }
}

std::string escaped(std::string_view text, bool may_break) {
  std::string roff = text.starts_with('.') ? "\\&" : "";
  char32_t last = ' ';
  while (!text.empty()) {
    const Utf8Step step = read_utf8(text);
    if (may_break && may_break_between(last, step.code_point)) roff += "\\:";
    const std::string_view escape = escape_of(step.code_point);
    roff += escape.empty() ? text.substr(0, step.size_bytes) : escape;
    text.remove_prefix(step.size_bytes);
    last = step.code_point;
  }
  return roff;
}

}  // namespace

std::string roff_text(std::string_view text) { return escaped(text, false); }
std::string roff_paragraph(std::string_view text) { return escaped(text, true); }

}  // namespace deepseek::cli
