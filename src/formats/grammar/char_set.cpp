// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/char_set.h"

#include <algorithm>

namespace deepseek::grammar {
namespace {

constexpr char32_t last_scalar = 0x10FFFF;
constexpr CharRange surrogates{0xD800, 0xDFFF};

int encode(char32_t c, std::array<uint8_t, 4>& bytes) {
  if (c < 0x80) {
    bytes[0] = uint8_t(c);
    return 1;
  }
  const int size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (int i = size - 1; i > 0; --i, c >>= 6) bytes[i] = uint8_t(0x80 | (c & 0x3F));
  bytes[0] = uint8_t((size == 2 ? 0xC0 : size == 3 ? 0xE0 : 0xF0) | c);
  return size;
}

/// Cuts first..last until every piece has the same number of bytes and a free choice in each.
void split(char32_t first, char32_t last, std::vector<ByteRanges>& out) {
  for (const char32_t end : {char32_t(0x7F), char32_t(0x7FF), char32_t(0xFFFF)}) {
    if (first <= end && end < last) {
      split(first, end, out);
      split(end + 1, last, out);
      return;
    }
  }
  for (int i = 1; i < 4; ++i) {  // the last i bytes must be whole or alike
    const char32_t mask = (char32_t(1) << (6 * i)) - 1;
    if (last < 0x80 || (first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      split(first, first | mask, out);
      split((first | mask) + 1, last, out);
      return;
    }
    if ((last & mask) != mask) {
      split(first, (last & ~mask) - 1, out);
      split(last & ~mask, last, out);
      return;
    }
  }
  ByteRanges ranges;
  ranges.size = encode(first, ranges.first);
  encode(last, ranges.last);
  out.push_back(ranges);
}

}  // namespace

CharSet::CharSet(std::span<const CharRange> ranges) : ranges_(ranges.begin(), ranges.end()) {
  normalise();
}

CharSet CharSet::all() {
  CharSet set;
  set.add(0, last_scalar);
  return set;
}

bool CharSet::contains(char32_t c) const {
  const auto at = std::partition_point(ranges_.begin(), ranges_.end(),
                                       [&](const CharRange& range) { return range.last < c; });
  return at != ranges_.end() && at->first <= c;
}

void CharSet::add(char32_t first, char32_t last) {
  ranges_.push_back({first, last});
  normalise();
}

void CharSet::add(const CharSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  normalise();
}

void CharSet::normalise() {
  std::vector<CharRange> valid;
  for (CharRange range : ranges_) {
    range.last = std::min(range.last, last_scalar);
    if (range.first > range.last) continue;
    if (range.first < surrogates.first && range.last >= surrogates.first)
      valid.push_back({range.first, surrogates.first - 1});
    if (range.last < surrogates.first || range.first > surrogates.last)
      valid.push_back(range);
    else if (range.last > surrogates.last)
      valid.push_back({surrogates.last + 1, range.last});
  }
  std::sort(valid.begin(), valid.end(),
            [](const CharRange& a, const CharRange& b) { return a.first < b.first; });
  ranges_.clear();
  for (const CharRange& range : valid) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1)
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    else
      ranges_.push_back(range);
  }
}

CharSet CharSet::complement() const {
  CharSet result;
  char32_t next = 0;
  for (const CharRange& range : ranges_) {
    if (range.first > next) result.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= last_scalar) result.ranges_.push_back({next, last_scalar});
  result.normalise();
  return result;
}

CharSet CharSet::intersection(const CharSet& other) const {
  CharSet result;
  for (size_t a = 0, b = 0; a < ranges_.size() && b < other.ranges_.size();) {
    const CharRange &x = ranges_[a], &y = other.ranges_[b];
    const char32_t first = std::max(x.first, y.first), last = std::min(x.last, y.last);
    if (first <= last) result.ranges_.push_back({first, last});
    if (x.last < y.last)
      ++a;
    else
      ++b;
  }
  return result;
}

std::vector<ByteRanges> utf8_ranges(const CharSet& set) {
  std::vector<ByteRanges> result;
  for (const CharRange& range : set.ranges()) split(range.first, range.last, result);
  return result;
}

}  // namespace deepseek::grammar
