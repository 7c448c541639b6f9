// SPDX-License-Identifier: Apache-2.0
#include "formats/reply/json_extent.h"

namespace deepseek {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

size_t JsonExtent::feed(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (state_ != State::open) return i;
    if (expect_ == Expect::number && !take_number(text[i])) {
      if (!number_may_end()) {
        state_ = State::wrong;
        return i;
      }
      value_done();
      if (state_ == State::complete) return i;
    } else if (expect_ == Expect::number) {
      continue;
    }
    if (!take(text[i])) {
      state_ = State::wrong;
      return i;
    }
  }
  return text.size();
}

void JsonExtent::end() {
  if (state_ != State::open) return;
  if (expect_ == Expect::number && open_.empty() && number_may_end())
    state_ = State::complete;
  else
    state_ = State::wrong;
}

bool JsonExtent::take(char c) {
  switch (expect_) {
    case Expect::string:
      if (c == '"') {
        if (!key_)
          value_done();
        else
          expect_ = Expect::colon;
        key_ = false;
        return true;
      }
      if (c == '\\') expect_ = Expect::escape;
      return static_cast<unsigned char>(c) >= 0x20;
    case Expect::escape:
      expect_ = c == 'u' ? Expect::hex : Expect::string;
      hex_left_ = 4;
      return std::string_view("\"\\/bfnrtu").find(c) != std::string_view::npos;
    case Expect::hex:
      if (--hex_left_ == 0) expect_ = Expect::string;
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    case Expect::word:
      if (c != word_.front()) return false;
      word_.remove_prefix(1);
      if (word_.empty()) value_done();
      return true;
    default:
      break;
  }
  if (is_json_blank(c)) return true;
  switch (expect_) {
    case Expect::value:
      return begin_value(c);
    case Expect::first_value_or_close:
      return c == ']' ? close(c) : begin_value(c);
    case Expect::first_key_or_close:
      if (c == '}') return close(c);
      [[fallthrough]];
    case Expect::key:
      key_ = true;
      expect_ = Expect::string;
      return c == '"';
    case Expect::colon:
      expect_ = Expect::value;
      return c == ':';
    case Expect::comma_or_close:
      if (c != ',') return close(c);
      expect_ = open_.back() == '{' ? Expect::key : Expect::value;
      return true;
    default:
      return false;
  }
}

bool JsonExtent::begin_value(char c) {
  if (c == '{' || c == '[') {
    if (open_.size() == max_depth) return false;
    open_.push_back(c);
    expect_ = c == '{' ? Expect::first_key_or_close : Expect::first_value_or_close;
    return true;
  }
  if (c == '"') {
    expect_ = Expect::string;
    return true;
  }
  if (c == 't' || c == 'f' || c == 'n') {
    word_ = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
    expect_ = Expect::word;
    return true;
  }
  if (c != '-' && !is_digit(c)) return false;
  expect_ = Expect::number;
  digits_ = c == '-' ? Digits::sign : c == '0' ? Digits::zero : Digits::whole;
  return true;
}

bool JsonExtent::close(char c) {
  if (open_.empty() || c != (open_.back() == '{' ? '}' : ']')) return false;
  open_.pop_back();
  value_done();
  return true;
}

void JsonExtent::value_done() {
  expect_ = Expect::comma_or_close;
  if (open_.empty()) state_ = State::complete;
}

bool JsonExtent::number_may_end() const {
  return digits_ == Digits::zero || digits_ == Digits::whole || digits_ == Digits::fraction ||
         digits_ == Digits::power;
}

/// Whether `c` goes on with the number.
bool JsonExtent::take_number(char c) {
  const bool digit = is_digit(c), exponent = c == 'e' || c == 'E';
  const auto go = [&](Digits next) {
    digits_ = next;
    return true;
  };
  switch (digits_) {
    case Digits::sign:
      return digit && go(c == '0' ? Digits::zero : Digits::whole);
    case Digits::zero:
    case Digits::whole:
      if (digit) return digits_ == Digits::whole;
      return (c == '.' && go(Digits::point)) || (exponent && go(Digits::exponent));
    case Digits::point:
      return digit && go(Digits::fraction);
    case Digits::fraction:
      return digit || (exponent && go(Digits::exponent));
    case Digits::exponent:
      return (digit && go(Digits::power)) || ((c == '+' || c == '-') && go(Digits::exponent_sign));
    case Digits::exponent_sign:
      return digit && go(Digits::power);
    case Digits::power:
      return digit;
  }
  return false;
}

}  // namespace deepseek
