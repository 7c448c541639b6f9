// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deepseek {

/// One step of reading UTF-8: a scalar value, or `bad` for a maximal subpart that is not UTF-8
/// (Unicode 15, section 3.9, table 3-7), or `incomplete` where the text ends inside a character
/// that could still become valid.
struct Utf8Step {
  enum class Kind { good, bad, incomplete };
  Kind kind;
  char32_t code_point;  // U+FFFD unless good
  int size_bytes;       // bytes consumed, at least 1
};

/// Reads the character at `text[0]`. `text` must not be empty.
Utf8Step read_utf8(std::string_view text);

bool is_valid_utf8(std::string_view text);

/// `text` with every maximal subpart that is not UTF-8 replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

/// Appends the UTF-8 form of a scalar value; surrogates and values past U+10FFFF become U+FFFD.
void append_utf8(std::string& text, char32_t code_point);

/// How many bytes at the start of `text` can be shown now: everything but an unfinished last
/// character.
size_t complete_utf8_prefix(std::string_view text);

}  // namespace deepseek
