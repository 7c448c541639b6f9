// SPDX-License-Identifier: Apache-2.0
#include "core/utf8.h"

#include <cstring>

namespace deepseek {
namespace {

constexpr char32_t replacement = 0xFFFD;

struct Lead {
  int size_bytes;
  unsigned char second_min, second_max;
};

/// Length and the range of the second byte by lead byte (Unicode table 3-7); size 0 if not a lead.
Lead lead_of(unsigned char byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

/// How many bytes at the start of `text` are ASCII, counted in blocks of eight.
size_t ascii_blocks(std::string_view text) {
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t block;
    std::memcpy(&block, text.data() + at, 8);
    if (block & 0x8080808080808080) break;
  }
  return at;
}

}  // namespace

Utf8Step read_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {Utf8Step::Kind::good, byte(0), 1};
  const Lead lead = lead_of(byte(0));
  if (lead.size_bytes == 0) return {Utf8Step::Kind::bad, replacement, 1};
  char32_t code_point = byte(0) & (0x7F >> lead.size_bytes);
  for (int i = 1; i < lead.size_bytes; ++i) {
    if (size_t(i) == text.size()) return {Utf8Step::Kind::incomplete, replacement, i};
    const unsigned char min = i == 1 ? lead.second_min : 0x80;
    const unsigned char max = i == 1 ? lead.second_max : 0xBF;
    if (byte(i) < min || byte(i) > max) return {Utf8Step::Kind::bad, replacement, i};
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  return {Utf8Step::Kind::good, code_point, lead.size_bytes};
}

bool is_valid_utf8(std::string_view text) {
  while (text.remove_prefix(ascii_blocks(text)), !text.empty()) {
    const Utf8Step step = read_utf8(text);
    if (step.kind != Utf8Step::Kind::good) return false;
    text.remove_prefix(step.size_bytes);
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Step step = read_utf8(text);
    if (step.kind == Utf8Step::Kind::good)
      out.append(text.substr(0, step.size_bytes));
    else
      append_utf8(out, replacement);
    text.remove_prefix(step.size_bytes);
  }
  return out;
}

void append_utf8(std::string& text, char32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF))
    code_point = replacement;
  const auto put = [&](char32_t value) { text.push_back(static_cast<char>(value)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

size_t complete_utf8_prefix(std::string_view text) {
  const size_t look_back = text.size() < 3 ? text.size() : 3;
  for (size_t back = 1; back <= look_back; ++back) {
    const std::string_view tail = text.substr(text.size() - back);
    const unsigned char byte = static_cast<unsigned char>(tail[0]);
    if (byte < 0x80) break;
    if (byte < 0xC0) continue;
    if (read_utf8(tail).kind == Utf8Step::Kind::incomplete) return text.size() - back;
    break;
  }
  return text.size();
}

}  // namespace deepseek
