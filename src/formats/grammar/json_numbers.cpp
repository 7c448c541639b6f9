// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/json_numbers.h"

#include <algorithm>

#include "formats/grammar/builder_parts.h"

namespace deepseek::grammar {
namespace {

/// Languages of digits.
class Digits {
 public:
  explicit Digits(Builder& builder) : b_(builder) {}

  Node any(int64_t min, int64_t max) { return b_.repeat(b_.byte_range('0', '9'), min, max); }
  Node between(char first, char last) { return b_.byte_range(uint8_t(first), uint8_t(last)); }

  /// Strings as long as `digits` that are at least (`up`) or at most it.
  Node from(std::string_view digits, bool up) {
    if (digits.empty()) return b_.empty();
    const char c = digits[0];
    std::vector<Node> options{
        b_.sequence({b_.literal(digits.substr(0, 1)), from(digits.substr(1), up)})};
    const int64_t rest = int64_t(digits.size()) - 1;
    if (up && c < '9') options.push_back(b_.sequence({between(char(c + 1), '9'), any(rest, rest)}));
    if (!up && c > '0')
      options.push_back(b_.sequence({between('0', char(c - 1)), any(rest, rest)}));
    return b_.choice(options);
  }

  /// Whole numbers without leading zeros of at most `width` digits, at least `low`, at most `high`.
  Node whole(const std::string& low, const std::string& high) {
    std::vector<Node> options;
    for (size_t length = low.size(); length <= high.size(); ++length) {
      const std::string least = length == low.size() ? low : "1" + std::string(length - 1, '0');
      const std::string most = length == high.size() ? high : std::string(length, '9');
      options.push_back(
          length == low.size() || length == high.size()
              ? b_.intersection(from(least, true), from(most, false))
              : b_.sequence({between('1', '9'), any(int64_t(length) - 1, int64_t(length) - 1)}));
    }
    return b_.choice(options);
  }

  /// ".d…" or nothing, whose value is above, at least, at most or below that of `fraction`.
  Node fraction(std::string_view digits, bool up, bool equal, int64_t width) {
    if (width == 0) {
      // Without digits the value is 0, and so is every fraction of the bounds.
      return equal || (!up && !digits.empty()) ? b_.empty() : nothing();
    }
    std::vector<Node> options;
    const bool zero = digits.empty();
    if (up ? zero && equal : !zero || equal) options.push_back(b_.empty());
    options.push_back(b_.sequence({b_.literal("."), digits_of(digits, up, equal, width, true)}));
    return b_.choice(options);
  }

  Node nothing() {
    Dfa dfa;
    dfa.states.emplace_back();
    return b_.parts().dfa(std::move(dfa));
  }

 private:
  /// Up to `width` digits compared with `digits` followed by zeros; at least one if `first`.
  Node digits_of(std::string_view digits, bool up, bool equal, int64_t width, bool first) {
    std::vector<Node> options;
    if (digits.empty()) {
      if (width == 0) return equal ? b_.empty() : nothing();
      const Node zeros = b_.repeat(b_.literal("0"), first && equal ? 1 : 0, width);
      if (up && equal) return any(first ? 1 : 0, width);
      if (!up) return equal ? zeros : nothing();
      for (int64_t k = 0; k < width; ++k)  // zeros, then something
        options.push_back(b_.sequence(
            {b_.literal(std::string(size_t(k), '0')), between('1', '9'), any(0, width - k - 1)}));
      return b_.choice(options);
    }
    if (width == 0) return up ? nothing() : b_.empty();
    if (!first && !up) options.push_back(b_.empty());
    const char c = digits[0];
    if (up && c < '9')
      options.push_back(b_.sequence({between(char(c + 1), '9'), any(0, width - 1)}));
    if (!up && c > '0')
      options.push_back(b_.sequence({between('0', char(c - 1)), any(0, width - 1)}));
    options.push_back(b_.sequence({b_.literal(digits.substr(0, 1)),
                                   digits_of(digits.substr(1), up, equal, width - 1, false)}));
    return b_.choice(options);
  }

  Builder& b_;
};

std::string plus_one(std::string digits) {
  for (size_t i = digits.size(); i-- > 0;) {
    if (digits[i] != '9') {
      ++digits[i];
      return digits;
    }
    digits[i] = '0';
  }
  return "1" + digits;
}

std::string minus_one(std::string digits) {  // of a number above 0
  size_t i = digits.size() - 1;
  while (digits[i] == '0') digits[i--] = '9';
  --digits[i];
  const size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
  return digits.substr(first);
}

bool is_zero(const Decimal& value) { return value.whole == "0" && value.fraction.empty(); }

int compare_whole(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

int compare_size(const Decimal& a, const Decimal& b) {
  const int whole = compare_whole(a.whole, b.whole);
  return whole != 0 ? whole : a.fraction.compare(b.fraction);
}

/// Digits whose value is a multiple of `divisor`.
Dfa multiples(int64_t divisor) {
  Dfa dfa;
  dfa.states.resize(size_t(divisor));
  dfa.states[0].accepting = true;
  for (int64_t r = 0; r < divisor; ++r)
    for (int d = 0; d < 10; ++d)
      dfa.states[size_t(r)].bytes.push_back(
          {uint8_t('0' + d), uint8_t('0' + d), int32_t((r * 10 + d) % divisor)});
  return dfa;
}

/// A range of sizes, without sign.
struct Sizes {
  std::optional<Decimal> min, max;
  bool min_excluded = false, max_excluded = false;
};

/// The sizes of a range's numbers below (`negative`) or not below zero; nothing if there are none.
std::optional<Sizes> sizes_of(const NumberRange& range, bool negative) {
  Sizes sizes;
  const std::optional<Decimal>& near = negative ? range.max : range.min;
  const std::optional<Decimal>& far = negative ? range.min : range.max;
  const bool near_excluded = negative ? range.max_excluded : range.min_excluded;
  const bool far_excluded = negative ? range.min_excluded : range.max_excluded;
  if (far) {
    const bool beyond = is_zero(*far) ? negative || far_excluded : far->negative != negative;
    if (beyond) return std::nullopt;
    sizes.max = *far;
    sizes.max_excluded = far_excluded;
  }
  if (near && (is_zero(*near) || near->negative == negative)) {
    sizes.min = *near;
    sizes.min_excluded = near_excluded;
  }
  if (negative && (!sizes.min || is_zero(*sizes.min))) {
    sizes.min = Decimal();  // -0 is written 0
    sizes.min_excluded = true;
  }
  return sizes;
}

std::optional<Node> whole_sizes(Builder& b, const Sizes& sizes) {
  std::string low = "0", high(18, '9');
  if (sizes.min) {
    low = sizes.min->whole;
    if (!sizes.min->fraction.empty() || sizes.min_excluded) low = plus_one(low);
  }
  if (sizes.max) {
    std::string bound = sizes.max->whole;
    if (sizes.max->fraction.empty() && sizes.max_excluded) {
      if (bound == "0") return std::nullopt;
      bound = minus_one(bound);
    }
    if (compare_whole(bound, high) < 0) high = bound;
  }
  if (compare_whole(low, high) > 0) return std::nullopt;
  return Digits(b).whole(low, high);
}

}  // namespace

Decimal decimal_of(const nlohmann::ordered_json& number) {
  std::string text = number.dump();
  Decimal value;
  if (text[0] == '-') {
    value.negative = true;
    text.erase(0, 1);
  }
  int64_t exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string::npos) {
    exponent = std::stoll(text.substr(e + 1));
    text.resize(e);
  }
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits = text.substr(0, point);
  int64_t whole_digits = int64_t(digits.size()) + exponent;
  if (point < text.size()) digits += text.substr(point + 1);
  if (whole_digits <= 0) {
    digits.insert(0, size_t(1 - whole_digits), '0');
    whole_digits = 1;
  }
  if (int64_t(digits.size()) < whole_digits) digits.resize(size_t(whole_digits), '0');
  value.whole = digits.substr(0, size_t(whole_digits));
  value.fraction = digits.substr(size_t(whole_digits));
  value.whole.erase(0, std::min(value.whole.find_first_not_of('0'), value.whole.size() - 1));
  value.fraction.resize(value.fraction.find_last_not_of('0') + 1);
  return value;
}

int compare(const Decimal& a, const Decimal& b) {
  if (is_zero(a) && is_zero(b)) return 0;
  const bool a_negative = a.negative && !is_zero(a), b_negative = b.negative && !is_zero(b);
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  return a_negative ? -compare_size(a, b) : compare_size(a, b);
}

bool NumberRange::contains(const Decimal& value) const {
  if (min && compare(value, *min) < (min_excluded ? 1 : 0)) return false;
  if (max && compare(value, *max) > (max_excluded ? -1 : 0)) return false;
  if (multiple_of == 0) return true;
  if (!value.fraction.empty()) return false;
  int64_t rest = 0;
  for (const char c : value.whole) rest = (rest * 10 + (c - '0')) % multiple_of;
  return rest == 0;
}

std::optional<Node> integers_within(Builder& b, const NumberRange& range) {
  std::vector<Node> options;
  for (const bool negative : {false, true}) {
    const std::optional<Sizes> sizes = sizes_of(range, negative);
    std::optional<Node> digits = sizes ? whole_sizes(b, *sizes) : std::nullopt;
    if (!digits) continue;
    if (range.multiple_of > 1)
      digits = b.intersection(*digits, b.parts().dfa(multiples(range.multiple_of)));
    options.push_back(negative ? b.sequence({b.literal("-"), *digits}) : *digits);
  }
  if (options.empty()) return std::nullopt;
  return b.choice(options);
}

std::optional<Node> numbers_within(Builder& b, const NumberRange& range, const std::string& where) {
  constexpr int64_t digits = 15, usual_fraction = 6;
  if (range.multiple_of > 0) return integers_within(b, range);
  int64_t whole = 1, fraction = 0;
  for (const std::optional<Decimal>& bound : {range.min, range.max}) {
    if (!bound) continue;
    whole = std::max(whole, int64_t(bound->whole.size()));
    fraction = std::max(fraction, int64_t(bound->fraction.size()));
  }
  if (whole + fraction > digits)
    fail(ErrorKind::unsupported, where, ": expected bounds of at most ", digits,
         " digits, got more; doubles cannot tell them apart");
  const bool two_sided = range.min && range.max;
  fraction =
      two_sided ? digits - whole : std::max(fraction, std::min(usual_fraction, digits - whole));
  whole = digits - fraction;
  Digits d(b);
  std::vector<Node> options;
  for (const bool negative : {false, true}) {
    const std::optional<Sizes> sizes = sizes_of(range, negative);
    if (!sizes) continue;
    const Node any_fraction =
        fraction == 0 ? b.empty() : b.optional(b.sequence({b.literal("."), d.any(1, fraction)}));
    const std::string greatest(size_t(whole), '9');
    Node number = b.sequence({d.whole("0", greatest), any_fraction});
    if (sizes->min) {
      std::vector<Node> above;
      const std::string next = plus_one(sizes->min->whole);
      if (compare_whole(next, greatest) <= 0)
        above.push_back(b.sequence({d.whole(next, greatest), any_fraction}));
      above.push_back(
          b.sequence({b.literal(sizes->min->whole),
                      d.fraction(sizes->min->fraction, true, !sizes->min_excluded, fraction)}));
      number = b.intersection(number, b.choice(above));
    }
    if (sizes->max) {
      std::vector<Node> below;
      if (sizes->max->whole != "0")
        below.push_back(b.sequence({d.whole("0", minus_one(sizes->max->whole)), any_fraction}));
      below.push_back(
          b.sequence({b.literal(sizes->max->whole),
                      d.fraction(sizes->max->fraction, false, !sizes->max_excluded, fraction)}));
      number = b.intersection(number, b.choice(below));
    }
    options.push_back(negative ? b.sequence({b.literal("-"), number}) : number);
  }
  if (options.empty()) return std::nullopt;
  return b.choice(options);
}

}  // namespace deepseek::grammar
