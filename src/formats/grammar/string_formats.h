// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace deepseek::grammar {

/// The expression that strings of a JSON Schema format match as a whole, empty for a format that
/// is not enforced. Each describes only valid strings of the format, though for email, hostname and
/// uri not all of them.
std::string_view format_pattern(std::string_view format);

/// "date, date-time, …"
std::string_view known_formats();

}  // namespace deepseek::grammar
