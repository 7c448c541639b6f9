// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "formats/jinja/text.h"

namespace deepseek::jinja {

enum class LetterCase { upper, lower, swap, capital, title };

/// Every character with its simple case mapping of Unicode. `capital`: the first upper, the rest
/// lower; `title`: so for every run of letters.
Text with_case(const Text& text, LetterCase to);

/// Properties of characters as Python's str.isalpha and its relatives see them.
bool is_letter(char32_t c);
bool is_decimal(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);

}  // namespace deepseek::jinja
