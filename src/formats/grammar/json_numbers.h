// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "core/json.h"
#include "formats/grammar/grammar.h"

namespace deepseek::grammar {

/// A number digit by digit: no leading zeros in `whole` ("0" for none), no trailing ones in
/// `fraction`.
struct Decimal {
  bool negative = false;
  std::string whole = "0", fraction = {};
};

/// The shortest decimal that reads back as this number.
Decimal decimal_of(const nlohmann::ordered_json& number);

/// Below zero, zero or above as a is less than, equal to or greater than b.
int compare(const Decimal& a, const Decimal& b);

struct NumberRange {
  std::optional<Decimal> min, max;
  bool min_excluded = false, max_excluded = false;
  int64_t multiple_of = 0;  // a whole number, or 0

  bool bounded() const { return min || max || multiple_of > 0; }
  bool contains(const Decimal& value) const;
};

/// Integers of a range, at most 18 digits. Nothing if there is none.
std::optional<Node> integers_within(Builder& builder, const NumberRange& range);

/// Numbers of a range without exponent, with at most 15 digits in all, so that no two of them are
/// the same double and comparing doubles gives the same answer. Throws unsupported naming `where`
/// when the bounds themselves have more.
std::optional<Node> numbers_within(Builder& builder, const NumberRange& range,
                                   const std::string& where);

}  // namespace deepseek::grammar
