// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/text.h"

#include <algorithm>
#include <cstring>

#include "core/utf8.h"

namespace deepseek::jinja {
namespace {

bool is_ascii(std::string_view text) {
  unsigned char seen = 0;
  for (const char c : text) seen |= static_cast<unsigned char>(c);
  return seen < 0x80;
}

bool is_in(std::string_view chars, std::string_view character) {
  return chars.find(character) != std::string_view::npos;
}

}  // namespace

void TextBuilder::mark(int64_t begin, int64_t end) {
  if (begin == end) return;
  if (!text_.content.empty() && text_.content.back().end == begin)
    text_.content.back().end = end;
  else
    text_.content.push_back({begin, end});
}

void TextBuilder::append_content(std::string_view bytes) {
  const int64_t begin = size_bytes();
  text_.bytes.append(bytes);
  mark(begin, size_bytes());
}

void TextBuilder::append(const Text& piece, size_t begin, size_t end) {
  const int64_t shift = size_bytes() - int64_t(begin);
  text_.bytes.append(piece.bytes, begin, end - begin);
  auto span = std::lower_bound(piece.content.begin(), piece.content.end(), int64_t(begin),
                               [](const Span& s, int64_t at) { return s.end <= at; });
  for (; span != piece.content.end() && span->begin < int64_t(end); ++span)
    mark(std::max(span->begin, int64_t(begin)) + shift, std::min(span->end, int64_t(end)) + shift);
}

void TextBuilder::append_derived(std::string_view bytes, const Text& origin) {
  if (origin.content.empty())
    append(bytes);
  else
    append_content(bytes);
}

Text slice(const Text& text, size_t begin, size_t end) {
  TextBuilder out;
  out.append(text, begin, end);
  return out.take();
}

size_t character_size(std::string_view text, size_t offset) {
  if (static_cast<unsigned char>(text[offset]) < 0x80) return 1;
  return size_t(read_utf8(text.substr(offset)).size_bytes);
}

int64_t count_characters(std::string_view text) {
  if (is_ascii(text)) return int64_t(text.size());
  int64_t count = 0;
  for (size_t at = 0; at < text.size(); at += character_size(text, at)) ++count;
  return count;
}

size_t offset_of_character(std::string_view text, int64_t index) {
  size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += character_size(text, at);
  return at;
}

size_t find_bytes(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos
                          : size_t(static_cast<const char*>(found) - text.data());
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

Trimmed trim(std::string_view text, Sides sides, const std::string* chars) {
  const auto goes = [&](std::string_view character) {
    return chars != nullptr ? is_in(*chars, character) : is_space(read_utf8(character).code_point);
  };
  size_t begin = 0, end = text.size();
  if (sides != Sides::right)
    while (begin < end) {
      const size_t size = character_size(text, begin);
      if (!goes(text.substr(begin, size))) break;
      begin += size;
    }
  if (sides != Sides::left)
    while (end > begin) {
      size_t start = end - 1;
      while (start > begin && end - start < 4 && (text[start] & 0xC0) == 0x80) --start;
      if (character_size(text, start) != end - start) start = end - 1;
      if (!goes(text.substr(start, end - start))) break;
      end = start;
    }
  return {begin, end};
}

}  // namespace deepseek::jinja
