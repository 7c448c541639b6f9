// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/grammar/char_set.h"

namespace deepseek::grammar {

/// Regular expressions that constrain output: the regular subset of ECMA-262 with the `u` flag.
///
///   characters, `.` (not \n \r U+2028 U+2029), \t \n \r \f \v \0 \a \e, \xHH \uHHHH \u{H…} \cX
///   [a-z] [^a-z] \d \D \w \W \s \S (\d, \w: ASCII; \s: Unicode blanks), \p{L} \P{Lu}: general
///   categories by their short names, Any, ASCII, and L& (cased letters)
///   (…) (?:…) (?<name>…) (?P<name>…), |, * + ? {n} {n,} {n,m}; a lazy ? behind one changes nothing
///   ^ at the beginning and $ at the end of the expression or of one of its top alternatives
///
/// Refused, being no property of a text alone or not regular: references, lookaround, \b, flags,
/// atomic groups and possessive repetitions, anchors elsewhere.
struct RegexNode {
  enum class Kind { set, sequence, choice, repeat, begin, end };
  Kind kind = Kind::sequence;
  CharSet set = {};
  std::vector<RegexNode> children = {};
  int64_t min = 0, max = unlimited;
};

/// Throws invalid_input with the position of what is malformed, unsupported for what is refused.
/// `where` begins messages.
RegexNode parse_regex(std::string_view pattern, const Budget& budget, const std::string& where);

/// How a set of characters is written.
using CharWriter = std::function<Node(const CharSet&)>;

/// Texts that the whole expression matches.
Node whole_match(Builder& builder, const RegexNode& regex, const CharWriter& write,
                 const std::string& where);
/// Texts in which it matches somewhere, as JSON Schema means patterns.
Node partial_match(Builder& builder, const RegexNode& regex, const CharWriter& write,
                   const std::string& where);

}  // namespace deepseek::grammar
