// SPDX-License-Identifier: Apache-2.0
#include "formats/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/text.h"
#include "core/utf8.h"
#include "formats/unicode.h"

namespace deepseek {
namespace {

/// Whether no normalisation form changes the character or lets it join the one before it. Says no
/// too often rather than too seldom.
bool is_inert(char32_t c, UnicodeForm form) {
  const bool composed = form == UnicodeForm::nfc;
  if (c < 0x80 || (composed && c < 0x300)) return true;
  if (c >= 0xAC00 && c <= 0xD7A3) return composed;
  const utf8proc_property_t* p = utf8proc_get_property(utf8proc_int32_t(c));
  return p->combining_class == 0 && p->decomp_seqindex == UINT16_MAX &&
         (p->comb_index < 0x8000 || p->comb_index == UINT16_MAX) && !(c >= 0x1100 && c <= 0x11FF);
}

int combining_class(utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; }

void append_normalized(std::string& out, std::string_view text, UnicodeForm form) {
  const bool compatible = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
  const bool compose = form == UnicodeForm::nfc || form == UnicodeForm::nfkc;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                      (compatible ? UTF8PROC_COMPAT : 0));
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size() + 1);
  while (!text.empty()) {
    const Utf8Step step = read_utf8(text);
    text.remove_prefix(step.size_bytes);
    std::array<utf8proc_int32_t, 32> parts;  // the longest decomposition has 18
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        utf8proc_int32_t(step.code_point), parts.data(), parts.size(), options, &boundary);
    if (count < 0 || size_t(count) > parts.size())
      fail(ErrorKind::internal, "normalisation of U+", std::hex, uint32_t(step.code_point));
    points.insert(points.end(), parts.begin(), parts.begin() + count);
  }
  // Canonical ordering here and not in utf8proc, whose sort is quadratic.
  for (auto begin = points.begin(); begin != points.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, points.end(), [](auto c) { return !combining_class(c); });
    std::stable_sort(begin, end,
                     [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
  utf8proc_ssize_t count = utf8proc_ssize_t(points.size());
  if (compose)
    count = utf8proc_normalize_utf32(
        points.data(), count, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  for (utf8proc_ssize_t i = 0; i < count; ++i) append_utf8(out, char32_t(points[i]));
}

std::string replaced(const Normalizer::Replace& rule, std::string_view text,
                     Regex::Scratch& scratch) {
  constexpr size_t max_growth = size_t{1} << 28;
  std::string out;
  size_t done = 0;
  for (size_t from = 0; from <= text.size();) {
    Regex::Match match;
    if (!rule.pattern.find(text, from, scratch, match)) break;
    out += text.substr(done, match.begin - done);
    out += rule.content;
    if (out.size() > text.size() + max_growth)
      fail(ErrorKind::unsupported, "normalizer Replace: expected text to grow by at most ",
           size_text(max_growth), "; the tokenizer is damaged or hostile");
    done = match.end;
    from = match.end;
    if (match.begin == match.end) {
      const size_t step = from < text.size() ? read_utf8(text.substr(from)).size_bytes : 1;
      from += step;
    }
  }
  out += text.substr(std::min(done, text.size()));
  return out;
}

std::string stripped(const Normalizer::Strip& rule, std::string_view text) {
  if (rule.left) text.remove_prefix(leading_white_space(text));
  if (rule.right) text.remove_suffix(trailing_white_space(text));
  return std::string(text);
}

}  // namespace

std::string unicode_normalize(std::string_view text, UnicodeForm form) {
  std::string out;
  out.reserve(text.size());
  // Only what lies between two inert characters can change, with the first of them.
  size_t copied = 0, last_inert = 0;
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = read_utf8(text.substr(i));
    if (is_inert(step.code_point, form)) {
      last_inert = i;
      i += step.size_bytes;
      continue;
    }
    size_t end = i + step.size_bytes;
    while (end < text.size()) {
      const Utf8Step next = read_utf8(text.substr(end));
      if (is_inert(next.code_point, form)) break;
      end += next.size_bytes;
    }
    last_inert = std::max(last_inert, copied);
    out += text.substr(copied, last_inert - copied);
    append_normalized(out, text.substr(last_inert, end - last_inert), form);
    copied = i = last_inert = end;
  }
  out += text.substr(copied);
  return out;
}

std::string Normalizer::apply(std::string_view text, Regex::Scratch& scratch) const {
  std::string now(text);
  for (const Step& step : steps_) {
    if (const auto* form = std::get_if<UnicodeForm>(&step))
      now = unicode_normalize(now, *form);
    else if (const auto* replace = std::get_if<Replace>(&step))
      now = replaced(*replace, now, scratch);
    else if (const auto* prepend = std::get_if<Prepend>(&step))
      now = now.empty() ? now : concat(prepend->text, now);
    else
      now = stripped(std::get<Strip>(step), now);
  }
  return now;
}

}  // namespace deepseek
