// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// Finds stop strings in a text that arrives in pieces, and never lets a byte of one be shown. The
/// match is the one that ends first; of those that end together, the longest. How the text is cut
/// into pieces changes nothing.
class StopMatcher {
 public:
  /// Throws invalid_input for an empty stop string.
  explicit StopMatcher(std::vector<std::string> stops);

  /// Text that can be shown now: all but the longest end that could still begin a stop string.
  /// Nothing once a stop has matched.
  std::string feed(std::string_view piece);
  /// What was held back, at the end of a text without a match.
  std::string finish();

  /// Index of the stop string that matched.
  std::optional<size_t> matched() const { return matched_; }

 private:
  struct Pattern {
    std::string text;
    std::vector<size_t> fallback;  // Knuth, Morris, Pratt (1977)
    size_t length = 0;             // of the prefix that the text so far ends with
  };

  void advance(Pattern& pattern, char c) const;

  std::vector<Pattern> patterns_;
  std::string held_;
  std::optional<size_t> matched_;
};

}  // namespace deepseek
