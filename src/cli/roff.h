// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace deepseek::cli {

/// One line of text as a line of roff that prints it letter by letter: it starts no request, and
/// quotes, hyphens and carets stay what a shell understands.
std::string roff_text(std::string_view text);

/// The same for text that fills lines: they may break between Chinese characters, where roff sees
/// no blank to break at.
std::string roff_paragraph(std::string_view text);

}  // namespace deepseek::cli
