// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/format.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"

namespace deepseek::jinja {
namespace {

constexpr int64_t widest = 10'000;

/// [[fill]align][sign][#][0][width][,][.precision][type] of a replaced field.
struct Field {
  std::string fill = " ";
  char align = '\0';  // '<', '>', '^', '=' or the type's own
  char sign = '-';    // '-', '+' or ' '
  bool alternate = false;
  bool grouped = false;
  int64_t width = 0;
  std::optional<int64_t> precision;
  char type = '\0';
};

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  char next() { return done() ? '\0' : text_[at_++]; }
  bool skip(char c) {
    const bool here = !done() && text_[at_] == c;
    if (here) ++at_;
    return here;
  }
  size_t at() const { return at_; }
  void move_to(size_t at) { at_ = at; }
  std::string_view text() const { return text_; }

  std::optional<int64_t> number(const Runtime& runtime) {
    if (done() || text_[at_] < '0' || text_[at_] > '9') return std::nullopt;
    int64_t value = 0;
    while (!done() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + (text_[at_++] - '0');
      if (value > widest) runtime.error("a width or precision over ", widest, " in a format");
    }
    return value;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

std::string print_double(const char* format, int64_t precision, double value) {
  const int size = std::snprintf(nullptr, 0, format, int(precision), value);
  std::string out(size_t(size) + 1, '\0');
  std::snprintf(out.data(), out.size(), format, int(precision), value);
  out.pop_back();
  return out;
}

std::string digits_in_base(uint64_t value, unsigned base, bool upper) {
  std::string out;
  do {
    const unsigned digit = unsigned(value % base);
    out.insert(out.begin(), char(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10));
    value /= base;
  } while (value != 0);
  return out;
}

void group_digits(std::string& digits) {
  const size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (size_t at = end; at > 3; at -= 3) digits.insert(at - 3, ",");
}

std::string float_digits(double size, const Field& field) {
  if (std::isnan(size)) return "nan";
  if (std::isinf(size)) return "inf";
  const int64_t precision = field.precision.value_or(6);
  switch (field.type) {
    case 'e':
      return print_double("%.*e", precision, size);
    case 'E':
      return print_double("%.*E", precision, size);
    case 'g':
      return print_double(field.alternate ? "%#.*g" : "%.*g", precision, size);
    case 'G':
      return print_double(field.alternate ? "%#.*G" : "%.*G", precision, size);
    case '%':
      return print_double("%.*f", precision, size * 100) + "%";
    default:
      return print_double("%.*f", precision, size);
  }
}

std::string integer_digits(int64_t value, const Field& field) {
  const uint64_t size = value < 0 ? 0 - uint64_t(value) : uint64_t(value);
  switch (field.type) {
    case 'x':
    case 'X':
      return (field.alternate ? concat("0", field.type) : "") +
             digits_in_base(size, 16, field.type == 'X');
    case 'o':
      return (field.alternate ? "0o" : "") + digits_in_base(size, 8, false);
    case 'b':
      return (field.alternate ? "0b" : "") + digits_in_base(size, 2, false);
    default:
      return std::to_string(size);
  }
}

/// Appends `body`, padded to the field's width; `sign_size` leading bytes go before padding '='.
void append_padded(Runtime& runtime, TextBuilder& out, const Field& field, const Text& body,
                   char own_align, size_t sign_size) {
  const int64_t missing = std::max<int64_t>(field.width - count_characters(body.bytes), 0);
  const char align = field.align != '\0' ? field.align : own_align;
  const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  runtime.count_bytes(missing * 4);
  const auto pad = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) out.append(field.fill);
  };
  if (align == '=') out.append(body, 0, sign_size);
  pad(left);
  out.append(body, align == '=' ? sign_size : 0, body.bytes.size());
  pad(missing - left);
}

void append_number(Runtime& runtime, TextBuilder& out, const Field& field, const Value& value) {
  const bool as_float =
      value.is<double>() || std::string_view("eEfFgG%").find(field.type) != std::string_view::npos;
  const bool negative = as_float ? std::signbit(number_of(value)) : integer_of(value) < 0;
  std::string digits;
  if (!as_float)
    digits = integer_digits(integer_of(value), field);
  else if (field.type == '\0' && !field.precision)
    digits = float_text(std::abs(number_of(value)));
  else
    digits = float_digits(std::abs(number_of(value)), field);
  if (field.grouped) group_digits(digits);
  std::string sign = negative ? "-" : field.sign == '-' ? "" : std::string(1, field.sign);
  const size_t sign_size = sign.size();
  append_padded(runtime, out, field, Text{std::move(sign) + digits, {}}, '>', sign_size);
}

void append_text(Runtime& runtime, TextBuilder& out, const Field& field, const Text& text,
                 char own_align) {
  Text body = text;
  if (field.precision) body = slice(text, 0, offset_of_character(text.bytes, *field.precision));
  append_padded(runtime, out, field, body, own_align, 0);
}

void append_percent_field(Runtime& runtime, TextBuilder& out, Field& field, const Value& value) {
  require_defined(runtime, value);
  switch (field.type) {
    case 's':
      return append_text(runtime, out, field, *to_text(runtime, value), '>');
    case 'r':
    case 'a':
      return append_text(runtime, out, field, repr(runtime, value), '>');
    case 'c':
      if (const Text* text = value.as_text(); text != nullptr && count_characters(text->bytes) == 1)
        return append_text(runtime, out, field, *text, '>');
      runtime.error("%c needs one character, got ", type_name(value));
    default:
      break;
  }
  if (!is_number(value)) runtime.error("%", field.type, " needs a number, got ", type_name(value));
  if (std::string_view("eEfFgG").find(field.type) != std::string_view::npos)
    return append_number(runtime, out, field, Value(number_of(value)));
  if (std::string_view("diuxXo").find(field.type) == std::string_view::npos)
    runtime.error("unknown conversion '%", field.type, "' in a format");
  if (const double* d = value.get<double>(); d != nullptr && !(std::abs(*d) < 9.2e18))
    runtime.error("%", field.type, " needs an integer of 64 bits, got ", float_text(*d));
  const int64_t integer = value.is<double>() ? int64_t(number_of(value)) : integer_of(value);
  append_number(runtime, out, field, Value(integer));
}

Field parse_spec(const Runtime& runtime, std::string_view spec) {
  Field field;
  Cursor in(spec);
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  const size_t first = spec.empty() ? 0 : character_size(spec, 0);
  if (first < spec.size() && is_align(spec[first])) {
    field.fill = std::string(spec.substr(0, first));
    field.align = spec[first];
    in.move_to(first + 1);
  } else if (is_align(in.peek())) {
    field.align = in.next();
  }
  if (in.peek() == '+' || in.peek() == '-' || in.peek() == ' ') field.sign = in.next();
  field.alternate = in.skip('#');
  if (in.skip('0') && field.align == '\0') {
    field.fill = "0";
    field.align = '=';
  }
  field.width = in.number(runtime).value_or(0);
  field.grouped = in.skip(',');
  if (in.skip('.')) {
    field.precision = in.number(runtime);
    if (!field.precision) runtime.error("a format without its precision: '", spec, "'");
  }
  field.type = in.next();
  if (!in.done() || std::string_view("sdbeEfFgGoxX%").find(field.type) == std::string_view::npos)
    if (field.type != '\0') runtime.error("unknown format '", spec, "'");
  return field;
}

void append_brace_field(Runtime& runtime, TextBuilder& out, const Value& value, char conversion,
                        std::string_view spec) {
  const Field field = parse_spec(runtime, spec);
  if (conversion == 'r') return append_text(runtime, out, field, repr(runtime, value), '<');
  const bool is_plain =
      conversion == 's' || !is_number(value) || (value.is<bool>() && spec.empty());
  if (!is_plain && field.type != 's') {
    const bool wants_integer = std::string_view("dboxX").find(field.type) != std::string_view::npos;
    if (field.type != '\0' && wants_integer && value.is<double>())
      runtime.error("format '", spec, "' needs an int, got float");
    return append_number(runtime, out, field, value);
  }
  if (field.type != '\0' && field.type != 's')
    runtime.error("format '", spec, "' needs a number, got ", type_name(value));
  append_text(runtime, out, field, *to_text(runtime, value), '<');
}

}  // namespace

Text format_percent(Runtime& runtime, const Text& format, const Value& values) {
  TextBuilder out;
  const Sequence* sequence = values.as_sequence();
  const bool is_tuple = sequence != nullptr && sequence->kind == Sequence::Kind::tuple;
  size_t used = 0;
  const auto next_value = [&]() -> const Value& {
    const size_t count = is_tuple ? sequence->items.size() : 1;
    if (used >= count) runtime.error("not enough arguments for the format");
    return is_tuple ? sequence->items[used++] : (++used, values);
  };
  const auto star = [&](Cursor& in) -> std::optional<int64_t> {
    if (!in.skip('*')) return in.number(runtime);
    const Value& value = next_value();
    if (!is_integer(value) || std::abs(double(integer_of(value))) > widest)
      runtime.error("'*' in a format needs an int up to ", widest);
    return integer_of(value);
  };
  Cursor in(format.bytes);
  while (!in.done()) {
    const size_t percent = std::min(format.bytes.find('%', in.at()), format.bytes.size());
    out.append(format, in.at(), percent);
    in.move_to(percent);
    if (!in.skip('%')) break;
    if (in.skip('%')) {
      out.append("%");
      continue;
    }
    const Value* value = nullptr;
    if (in.skip('(')) {
      const size_t close = format.bytes.find(')', in.at());
      const Dict* dict = values.as_dict();
      if (close == std::string::npos || dict == nullptr)
        runtime.error("a format with %(name) needs a dict");
      const std::string name = format.bytes.substr(in.at(), close - in.at());
      value = dict->find(std::string_view(name));
      if (value == nullptr) runtime.error("the format's '", name, "' is not in the dict");
      in.move_to(close + 1);
    }
    Field field;
    for (bool is_flag = true; is_flag && !in.done();) {
      if (in.skip('-'))
        field.align = '<';
      else if (in.skip('0'))
        field.fill = "0";
      else if (in.skip('+'))
        field.sign = '+';
      else if (in.skip(' '))
        field.sign = field.sign == '+' ? '+' : ' ';
      else if (in.skip('#'))
        field.alternate = true;
      else
        is_flag = false;
    }
    field.width = star(in).value_or(0);
    if (in.skip('.')) field.precision = std::max<int64_t>(star(in).value_or(0), 0);
    field.type = in.next();
    if (field.type == '\0') runtime.error("a format ends inside a conversion");
    if (std::string_view("srac").find(field.type) != std::string_view::npos || field.align == '<')
      field.fill = " ";
    else if (field.fill == "0")
      field.align = '=';
    const int64_t before = out.size_bytes();
    append_percent_field(runtime, out, field, value != nullptr ? *value : next_value());
    runtime.count_bytes(out.size_bytes() - before + 16);
  }
  if (is_tuple ? used < sequence->items.size() : used == 0 && values.as_dict() == nullptr)
    runtime.error("not all arguments are used by the format");
  return out.take();
}

Text format_braces(Runtime& runtime, const Text& format, const Arguments& arguments) {
  TextBuilder out;
  const std::string& bytes = format.bytes;
  size_t at = 0, next_index = 0;
  while (at < bytes.size()) {
    const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    out.append(format, at, brace);
    at = brace;
    if (at == bytes.size()) break;
    if (at + 1 < bytes.size() && bytes[at + 1] == bytes[at]) {
      out.append(format, at, at + 1);
      at += 2;
      continue;
    }
    const size_t close = bytes.find('}', at);
    if (bytes[at] == '}' || close == std::string::npos)
      runtime.error("single '", bytes[at], "' in a format; write it twice");
    std::string_view field = std::string_view(bytes).substr(at + 1, close - at - 1);
    at = close + 1;
    std::string_view spec;
    if (const size_t colon = field.find(':'); colon != std::string_view::npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    char conversion = '\0';
    if (const size_t mark = field.find('!'); mark != std::string_view::npos) {
      if (mark + 2 != field.size() || (field[mark + 1] != 'r' && field[mark + 1] != 's'))
        runtime.error("unknown conversion in a format; expected !r or !s");
      conversion = field[mark + 1];
      field = field.substr(0, mark);
    }
    if (field.find_first_of(".[{") != std::string_view::npos ||
        spec.find('{') != std::string_view::npos)
      runtime.error("attributes and nested fields are not supported in a format");
    const Value* value = nullptr;
    Cursor digits(field);
    const std::optional<int64_t> number = digits.number(runtime);
    if (field.empty() || (number && digits.done())) {
      const size_t index = field.empty() ? next_index++ : size_t(*number);
      if (index < arguments.positional.size()) value = &arguments.positional[index];
    } else {
      for (const auto& [name, named] : arguments.named)
        if (name == field) value = &named;
    }
    if (value == nullptr) runtime.error("the format has no argument for '{", field, "}'");
    const int64_t before = out.size_bytes();
    append_brace_field(runtime, out, *value, conversion, spec);
    runtime.count_bytes(out.size_bytes() - before + 16);
  }
  return out.take();
}

}  // namespace deepseek::jinja
