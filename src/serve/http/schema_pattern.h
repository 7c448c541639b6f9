// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>

namespace deepseek::serve {

/// The one form of `pattern` that the wire needs: a whole value of characters of one ASCII class,
/// "^[A-Za-z0-9_-]{1,512}$", also with "+" or "*". A regular-expression engine would be open to
/// values made to keep it busy.
class CharacterPattern {
 public:
  /// Throws internal for any other form.
  static CharacterPattern parse(std::string_view pattern);
  bool matches(std::string_view text) const;

 private:
  std::bitset<128> allowed_;
  size_t least_ = 0, most_ = 0;
};

}  // namespace deepseek::serve
