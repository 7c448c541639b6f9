// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// Stop strings and the tables that searching for them takes. Copies share both, so that many
/// answers cost no more than one.
class StopStrings {
 public:
  StopStrings() : StopStrings(std::vector<std::string>()) {}
  StopStrings(std::vector<std::string> texts);  // NOLINT: strings that stop are stop strings
  StopStrings(std::initializer_list<std::string> texts)
      : StopStrings(std::vector<std::string>(texts)) {}

  bool empty() const { return shared_->texts.empty(); }
  const std::vector<std::string>& texts() const { return shared_->texts; }

 private:
  friend class StopMatcher;
  struct Shared {
    std::vector<std::string> texts;
    std::vector<std::vector<uint32_t>> fallbacks;  // Knuth, Morris, Pratt (1977)
  };
  std::shared_ptr<const Shared> shared_;
};

/// Finds stop strings in a text that arrives in pieces, and never lets a byte of one be shown. The
/// match is the one that ends first; of those that end together, the longest. How the text is cut
/// into pieces changes nothing.
class StopMatcher {
 public:
  /// Throws invalid_input for an empty stop string.
  explicit StopMatcher(StopStrings stops);

  /// Text that can be shown now: all but the longest end that could still begin a stop string.
  /// Nothing once a stop has matched.
  std::string feed(std::string_view piece);
  /// What was held back, at the end of a text without a match.
  std::string finish();

  /// Index of the stop string that matched.
  std::optional<size_t> matched() const { return matched_; }

 private:
  size_t advance(size_t index, char c) const;

  StopStrings stops_;
  std::vector<size_t> lengths_;  // of each stop's prefix that the text so far ends with
  std::string held_;
  std::optional<size_t> matched_;
};

}  // namespace deepseek
