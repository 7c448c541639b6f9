// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/regex.h"

namespace deepseek {

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };

/// `text` (UTF-8) in a normalisation form of Unicode (UAX #15). Time is linear but for the sorting
/// of runs of combining marks, O(n log n).
std::string unicode_normalize(std::string_view text, UnicodeForm form);

/// What a tokenizer does to text before looking for tokens in it.
class Normalizer {
 public:
  struct Replace {
    Regex pattern;
    std::string content;
  };
  struct Prepend {
    std::string text;
  };
  struct Strip {
    bool left, right;
  };
  using Step = std::variant<UnicodeForm, Replace, Prepend, Strip>;

  void add(Step step) { steps_.push_back(std::move(step)); }
  bool empty() const { return steps_.empty(); }
  /// Throws unsupported when a pattern exceeds its limits or the result its size.
  std::string apply(std::string_view text, Regex::Scratch& scratch) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace deepseek
