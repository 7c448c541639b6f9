// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "formats/jinja/filters.h"
#include "formats/jinja/operators.h"

namespace deepseek::jinja {
namespace {

/// The text as Python's int() and float() see it: trimmed, digits may be grouped by '_'.
std::optional<std::string> number_text(const Text& text) {
  const Trimmed left = trim(text.bytes, Sides::both);
  std::string out;
  for (size_t at = left.begin; at < left.end; ++at) {
    const char c = text.bytes[at];
    if (c != '_')
      out += c;
    else if (out.empty() || at + 1 == left.end || text.bytes[at + 1] == '_')
      return std::nullopt;
  }
  if (out.starts_with('+')) out.erase(0, 1);
  if (out.starts_with('+') || out.size() > 1000) return std::nullopt;
  return out;
}

std::optional<double> read_float(const Text& text) {
  const auto digits = number_text(text);
  if (!digits) return std::nullopt;
  double value = 0;
  const char* end = digits->data() + digits->size();
  const auto [stop, problem] = std::from_chars(digits->data(), end, value);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<int64_t> read_integer(const Text& text, int base) {
  auto digits = number_text(text);
  if (!digits) return std::nullopt;
  const bool negative = digits->starts_with('-');
  if (negative) digits->erase(0, 1);
  const auto has_prefix = [&](char letter) {
    return digits->size() > 2 && (*digits)[0] == '0' && ((*digits)[1] | 0x20) == letter;
  };
  if ((base == 16 && has_prefix('x')) || (base == 8 && has_prefix('o')) ||
      (base == 2 && has_prefix('b')))
    digits->erase(0, 2);
  if (digits->starts_with('-')) return std::nullopt;
  if (negative) digits->insert(0, "-");
  int64_t value = 0;
  const char* end = digits->data() + digits->size();
  const auto [stop, problem] = std::from_chars(digits->data(), end, value, base);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<int64_t> truncated(double value) {
  if (!(std::abs(value) < 9.2e18)) return std::nullopt;
  return int64_t(value);
}

Value to_int(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "int", arguments, {"default", "base"});
  const int64_t base = given.integer(1, 10);
  if (base < 2 || base > 36) in.error("int(): base must be 2 to 36, got ", base);
  require_defined(in, subject);
  std::optional<int64_t> value;
  if (is_integer(subject)) value = integer_of(subject);
  if (const double* d = subject.get<double>()) value = truncated(*d);
  if (const Text* text = subject.as_text()) {
    value = read_integer(*text, int(base));
    if (const auto as_float = read_float(*text); !value && as_float) value = truncated(*as_float);
  }
  if (subject.is<BigInteger>()) return subject;
  if (value) return Value(*value);
  return given.has(0) ? *given[0] : Value(int64_t{0});
}

Value to_float(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "float", arguments, {"default"});
  require_defined(in, subject);
  if (is_number(subject)) return Value(number_of(subject));
  if (const Text* text = subject.as_text())
    if (const auto value = read_float(*text)) return Value(*value);
  return given.has(0) ? *given[0] : Value(0.0);
}

Value absolute(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "abs", arguments, {});
  require_defined(in, subject);
  if (const double* d = subject.get<double>()) return Value(std::abs(*d));
  if (!is_integer(subject)) in.error("abs() needs a number, got ", type_name(subject));
  const int64_t value = integer_of(subject);
  return value < 0 ? negated(in, Value(value)) : Value(value);
}

/// Rounded at a decimal, halves to even of the exact binary value, as Python's round.
double rounded(double value, int64_t precision) {
  if (!std::isfinite(value) || precision > 300) return value;
  if (precision < 0) {
    const double power = std::pow(10.0, -double(precision));
    return std::isfinite(power) ? std::nearbyint(value / power) * power : 0;
  }
  std::array<char, 700> digits;
  const int size = std::snprintf(digits.data(), digits.size(), "%.*f", int(precision), value);
  double result = 0;
  std::from_chars(digits.data(), digits.data() + size, result);
  return result;
}

Value round(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "round", arguments, {"precision", "method"});
  require_defined(in, subject);
  if (!is_number(subject)) in.error("round() needs a number, got ", type_name(subject));
  const int64_t precision = given.integer(0, 0);
  const std::string method = given.text(1) == nullptr ? "common" : given.text(1)->bytes;
  if (method != "common" && method != "ceil" && method != "floor")
    in.error("round(): method must be common, ceil or floor, got ", method);
  if (method == "common") {
    if (is_integer(subject) && precision >= 0) return Value(integer_of(subject));
    const double value = rounded(number_of(subject), precision);
    return is_integer(subject) ? Value(truncated(value).value_or(0)) : Value(value);
  }
  const double power = std::pow(10.0, double(precision));
  const double scaled = number_of(subject) * power;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / power);
}

constexpr std::array<FilterRow, 4> number_rows{
    {{"int", to_int}, {"float", to_float}, {"abs", absolute}, {"round", round}}};

}  // namespace

std::span<const FilterRow> number_filters() { return number_rows; }

}  // namespace deepseek::jinja
