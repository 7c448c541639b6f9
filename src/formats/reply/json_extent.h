// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace deepseek {

/// Whether JSON has `c` between its tokens.
constexpr bool is_json_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Follows the text of one JSON value (RFC 8259) byte by byte, to see where it ends and whether it
/// is one at all.
class JsonExtent {
 public:
  enum class State { open, complete, wrong };

  /// Takes bytes until the value is complete or wrong. Answers how many belong to it: a wrong byte
  /// does not, nor does what ends a number. A bare number is complete only at end().
  size_t feed(std::string_view text);
  /// No more comes.
  void end();
  State state() const { return state_; }

 private:
  enum class Expect {
    value,
    first_value_or_close,  // after '['
    first_key_or_close,    // after '{'
    key,
    colon,
    comma_or_close,
    string,
    escape,
    hex,
    number,
    word
  };
  bool take(char c);
  bool begin_value(char c);
  bool close(char c);
  void value_done();
  bool number_may_end() const;
  bool take_number(char c);

  static constexpr size_t max_depth = 256;
  State state_ = State::open;
  Expect expect_ = Expect::value;
  std::vector<char> open_;  // '{' and '['
  bool key_ = false;        // the string is a member's name
  int hex_left_ = 0;
  std::string_view word_;  // what is left of true, false or null
  enum class Digits {
    sign,
    zero,
    whole,
    point,
    fraction,
    exponent,
    exponent_sign,
    power
  } digits_{};
};

}  // namespace deepseek
