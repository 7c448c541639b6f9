// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// As str.split (str.rsplit from the right): at runs of white space when `separator` is null. A
/// negative `most` means no limit.
Value split_text(Runtime& runtime, const Text& text, const Text* separator, int64_t most,
                 bool from_right);

/// As str.splitlines.
Value lines_of(Runtime& runtime, const Text& text, bool keep_ends);

/// As str.replace; a negative `most` means no limit.
Text replace_text(Runtime& runtime, const Text& text, const Text& old, const Text& by,
                  int64_t most);

enum class Padding { left, right, both };  // where the fill goes
Text pad_text(Runtime& runtime, const Text& text, int64_t width, std::string_view fill,
              Padding side);

/// As str.expandtabs.
Text replace_tabs(Runtime& runtime, const Text& text, int64_t tab_size);

}  // namespace deepseek::jinja
