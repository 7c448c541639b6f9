// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace deepseek {

/// Unicode's White_Space.
bool is_white_space(char32_t c);

/// Whether a character is part of a word: Alphabetic, a mark, a decimal digit, a connector or a
/// joiner (UTS #18, \w).
bool is_word_character(char32_t c);

/// Bytes of White_Space at the start or end of `text` (UTF-8).
size_t leading_white_space(std::string_view text);
size_t trailing_white_space(std::string_view text);

/// Whether `text` (UTF-8) starts or ends with a word character.
bool starts_with_word(std::string_view text);
bool ends_with_word(std::string_view text);

}  // namespace deepseek
