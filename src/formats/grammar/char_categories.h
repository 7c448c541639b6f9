// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "formats/grammar/char_set.h"

namespace deepseek::grammar {

/// Characters of a Unicode general category by its short name ("L", "Lu"), of "L&", "Any", "ASCII".
std::optional<CharSet> category_chars(std::string_view name);

}  // namespace deepseek::grammar
