// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace deepseek {

/// A pattern in the syntax of tokenizer.json (Oniguruma, Ruby flavour) as PCRE2 must read it to
/// match the same text: `\s` is Unicode's White_Space, `\w` and `\b` follow Alphabetic, `\h` is a
/// hexadecimal digit, `(?m)` lets the dot match newlines, `\uHHHH` is a character.
/// Throws unsupported, naming `owner`, for what has no PCRE2 counterpart: nested or intersected
/// character classes, callouts, possessive intervals.
std::string pcre2_pattern(std::string_view pattern, const std::string& owner);

/// `text` as a pattern that matches exactly it.
std::string quoted_pattern(std::string_view text);

}  // namespace deepseek
