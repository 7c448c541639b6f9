// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <vector>

#include "formats/grammar/grammar.h"

namespace deepseek::grammar {

/// A set of Unicode scalar values: sorted ranges that neither touch nor hold a surrogate.
class CharSet {
 public:
  CharSet() = default;
  explicit CharSet(std::span<const CharRange> ranges);
  static CharSet all();

  const std::vector<CharRange>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t c) const;
  void add(char32_t first, char32_t last);
  void add(const CharSet& other);
  CharSet complement() const;
  CharSet intersection(const CharSet& other) const;
  CharSet without(const CharSet& other) const { return intersection(other.complement()); }

 private:
  void normalise();
  std::vector<CharRange> ranges_;
};

/// Up to four ranges of bytes one after the other: the UTF-8 of some characters.
struct ByteRanges {
  int size = 0;
  std::array<uint8_t, 4> first{}, last{};
};

/// The UTF-8 forms of a set, as alternatives of which no text matches two.
std::vector<ByteRanges> utf8_ranges(const CharSet& set);

}  // namespace deepseek::grammar
