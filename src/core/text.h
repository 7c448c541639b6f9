// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// All parts printed one after the other, numbers as streams print them.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// "[2, 3, 64]".
std::string shape_text(std::span<const int64_t> shape);

/// Text of unknown origin made fit for one line of a message: control characters and bytes that are
/// not UTF-8 become U+FFFD, and what exceeds `limit_bytes` becomes "…".
std::string printable(std::string_view text, size_t limit_bytes = 200);

/// "1.50 GiB", "92.0 MiB", "17 bytes".
std::string size_text(uint64_t size_bytes);

/// Damerau-Levenshtein distance (adjacent swaps cost one), on bytes.
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate closest to `word`, or an empty view when none is close enough to be a typo of it.
std::string_view nearest_name(std::string_view word, std::span<const std::string> candidates);

}  // namespace deepseek
