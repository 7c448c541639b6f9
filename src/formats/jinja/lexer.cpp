// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/error.h"
#include "core/utf8.h"
#include "formats/jinja/text.h"

namespace deepseek::jinja {
namespace {

constexpr std::array<std::string_view, 6> long_symbols{"//", "**", "==", "!=", ">=", "<="};
constexpr std::string_view short_symbols = "+-/*%~[](){}><=.:|,;";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

std::string normalize_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& name)
      : source_(normalize_newlines(source)), name_(name) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_data();
    add(Token::Kind::end, line_, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest(size_t from) const { return std::string_view(source_).substr(from); }
  bool follows(std::string_view word) const { return rest(at_).starts_with(word); }
  void add(Token::Kind kind, int line, std::string text) {
    tokens_.push_back({kind, line, std::move(text)});
  }
  template <class... Parts>
  [[noreturn]] void error(int line, const Parts&... parts) const {
    fail(ErrorKind::bad_file, name_, ":", line, ": ", parts...);
  }
  void advance(size_t size) {
    line_ += int(std::count(source_.begin() + ptrdiff_t(at_),
                            source_.begin() + ptrdiff_t(at_ + size), '\n'));
    at_ += size;
  }
  void skip_space() { at_ = after_space(at_, true); }
  size_t after_space(size_t from, bool count_lines = false);

  size_t next_opener(size_t from) const;
  void read_data();
  void add_data(size_t begin, size_t end, char sign, bool is_print);
  bool read_raw();
  void read_comment();
  void read_tag(bool is_print);
  bool read_tag_end(bool is_print);
  void read_token();
  void read_number();
  void read_string();
  std::string unescape(std::string_view body, int line) const;
  std::optional<char32_t> read_escaped_code(std::string_view digits, size_t count) const;
  void balance(char symbol);

  std::string source_;
  const std::string& name_;
  std::vector<Token> tokens_;
  std::string open_brackets_;  // those not closed yet, as their closers
  size_t at_ = 0;
  int line_ = 1;
  bool line_begins_ = true;  // whether the tag before ended a line
};

size_t Lexer::after_space(size_t from, bool count_lines) {
  while (from < source_.size()) {
    const Utf8Step step = read_utf8(rest(from));
    if (!is_space(step.code_point)) break;
    if (count_lines && step.code_point == U'\n') ++line_;
    from += size_t(step.size_bytes);
  }
  return from;
}

size_t Lexer::next_opener(size_t from) const {
  for (size_t brace = source_.find('{', from); brace != std::string::npos;
       brace = source_.find('{', brace + 1)) {
    const char next = brace + 1 < source_.size() ? source_[brace + 1] : '\0';
    if (next == '%' || next == '{' || next == '#') return brace;
  }
  return source_.size();
}

// Jinja's rules: "{%-" takes white space before the tag; otherwise lstrip_blocks takes the blanks
// between the start of the line and a tag that is not a print, unless the tag says "{%+".
void Lexer::add_data(size_t begin, size_t end, char sign, bool is_print) {
  const int line = line_;
  std::string_view text = rest(begin).substr(0, end - begin);
  if (sign == '-') {
    text = text.substr(0, trim(text, Sides::right).end);
  } else if (sign != '+' && !is_print) {
    const size_t newline = text.rfind('\n');
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    const std::string_view head = text.substr(start);
    if ((start > 0 || line_begins_) && trim(head, Sides::left).begin == head.size())
      text = text.substr(0, start);
  }
  if (!text.empty()) add(Token::Kind::data, line, std::string(text));
  advance(end - begin);
}

void Lexer::read_data() {
  const size_t opener = next_opener(at_);
  if (opener == source_.size()) {
    add(Token::Kind::data, line_, std::string(rest(at_)));
    advance(source_.size() - at_);
    return;
  }
  const char sign_char = opener + 2 < source_.size() ? source_[opener + 2] : '\0';
  const char sign = sign_char == '-' || sign_char == '+' ? sign_char : '\0';
  const char type = source_[opener + 1];
  add_data(at_, opener, sign, type == '{');
  if (type == '%' && read_raw()) return;
  line_begins_ = false;
  at_ += sign != '\0' ? 3 : 2;
  if (type == '#') return read_comment();
  read_tag(type == '{');
}

bool Lexer::read_tag_end(bool is_print) {
  const std::string_view closer = is_print ? "}}" : "%}";
  const bool minus = follows("-") && rest(at_ + 1).starts_with(closer);
  const bool plus = !is_print && follows("+") && rest(at_ + 1).starts_with(closer);
  if (!minus && !plus && !follows(closer)) return false;
  add(is_print ? Token::Kind::print_end : Token::Kind::block_end, line_, "");
  const size_t start = at_;
  at_ += (minus || plus ? 1 : 0) + closer.size();
  if (minus) {
    skip_space();
  } else if (!plus && !is_print && follows("\n")) {
    advance(1);
  }
  line_begins_ = at_ > start && source_[at_ - 1] == '\n';
  return true;
}

// A comment, or the end of a raw section, closes like a block.
void Lexer::read_comment() {
  const int line = line_;
  const size_t close = source_.find("#}", at_);
  if (close == std::string::npos) error(line, "comment without end: expected '#}'");
  const char sign = close > at_ ? source_[close - 1] : '\0';
  advance(close + 2 - at_);
  if (sign == '-')
    skip_space();
  else if (sign != '+' && follows("\n"))
    advance(1);
  line_begins_ = source_[at_ - 1] == '\n';
}

bool Lexer::read_raw() {
  const auto keyword_end = [&](size_t opener, std::string_view word) -> size_t {
    size_t p = opener + 2;
    if (p < source_.size() && (source_[p] == '-' || source_[p] == '+')) ++p;
    p = after_space(p);
    if (!rest(p).starts_with(word)) return 0;
    return after_space(p + word.size());
  };
  const int line = line_;
  size_t p = keyword_end(at_, "raw");
  if (p == 0) return false;
  if (rest(p).starts_with("-%}"))
    p = after_space(p + 3);
  else if (rest(p).starts_with("%}"))
    p += 2;
  else
    return false;
  advance(p - at_);
  line_begins_ = source_[at_ - 1] == '\n';
  for (size_t opener = source_.find("{%", at_); opener != std::string::npos;
       opener = source_.find("{%", opener + 1)) {
    const size_t end = keyword_end(opener, "endraw");
    if (end == 0) continue;
    const bool minus = rest(end).starts_with("-%}"), plus = rest(end).starts_with("+%}");
    if (!minus && !plus && !rest(end).starts_with("%}")) continue;
    const char sign = source_[opener + 2];
    add_data(at_, opener, sign, false);
    advance(end + (minus || plus ? 3 : 2) - at_);
    if (minus)
      skip_space();
    else if (!plus && follows("\n"))
      advance(1);
    line_begins_ = source_[at_ - 1] == '\n';
    return true;
  }
  error(line, "raw section without end: expected '{% endraw %}'");
}

void Lexer::read_tag(bool is_print) {
  add(is_print ? Token::Kind::print_begin : Token::Kind::block_begin, line_, "");
  open_brackets_.clear();
  while (true) {
    skip_space();
    if (at_ >= source_.size()) return;  // the parser names what is missing
    if (open_brackets_.empty() && read_tag_end(is_print)) return;
    read_token();
  }
}

void Lexer::read_token() {
  const char c = source_[at_];
  if (is_digit(c)) return read_number();
  if (c == '"' || c == '\'') return read_string();
  if (begins_name(c)) {
    const size_t start = at_;
    while (at_ < source_.size() && continues_name(source_[at_])) ++at_;
    return add(Token::Kind::name, line_, source_.substr(start, at_ - start));
  }
  for (const std::string_view symbol : long_symbols)
    if (follows(symbol)) {
      add(Token::Kind::symbol, line_, std::string(symbol));
      at_ += symbol.size();
      return;
    }
  if (short_symbols.find(c) == std::string_view::npos)
    error(line_, "unexpected character '", c, "' in a tag");
  balance(c);
  add(Token::Kind::symbol, line_, std::string(1, c));
  ++at_;
}

void Lexer::balance(char symbol) {
  const size_t opened = std::string_view("([{").find(symbol);
  if (opened != std::string_view::npos) {
    open_brackets_ += ")]}"[opened];
    return;
  }
  if (std::string_view(")]}").find(symbol) == std::string_view::npos) return;
  if (open_brackets_.empty()) error(line_, "unexpected '", symbol, "'");
  if (open_brackets_.back() != symbol)
    error(line_, "unexpected '", symbol, "', expected '", open_brackets_.back(), "'");
  open_brackets_.pop_back();
}

// Digits may be grouped with single underscores; a float needs a fraction or an exponent, and never
// follows a dot, so that a.0.1 indexes twice.
void Lexer::read_number() {
  const size_t start = at_;
  const auto digits = [&](size_t p, auto is_good) {
    while (p < source_.size() &&
           (is_good(source_[p]) || (source_[p] == '_' && p > start && p + 1 < source_.size() &&
                                    is_good(source_[p + 1]) && source_[p - 1] != '_')))
      ++p;
    return p;
  };
  const auto peek = [&](size_t p) { return p < source_.size() ? source_[p] : '\0'; };
  std::string text;
  Token::Kind kind = Token::Kind::integer;
  size_t p = at_;
  const char base = char(peek(at_ + 1) | 0x20);
  if (source_[at_] == '0' && (base == 'x' || base == 'o' || base == 'b') &&
      is_hex_digit(peek(at_ + 2))) {
    p = digits(at_ + 2, is_hex_digit);
  } else {
    p = digits(at_, is_digit);
    if (start == 0 || source_[start - 1] != '.') {
      size_t end = p;
      if (peek(end) == '.' && is_digit(peek(end + 1))) end = digits(end + 1, is_digit);
      size_t exponent = end;
      if ((peek(exponent) | 0x20) == 'e') {
        ++exponent;
        if (peek(exponent) == '+' || peek(exponent) == '-') ++exponent;
        if (is_digit(peek(exponent))) end = digits(exponent, is_digit);
      }
      if (end != p) kind = Token::Kind::floating;
      p = end;
    }
  }
  for (size_t i = start; i < p; ++i)
    if (source_[i] != '_') text += source_[i];
  at_ = p;
  add(kind, line_, std::move(text));
}

void Lexer::read_string() {
  const char quote = source_[at_];
  const int line = line_;
  size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) error(line, "string without end: expected ", quote);
  std::string text = unescape(rest(at_ + 1).substr(0, end - at_ - 1), line);
  advance(end + 1 - at_);
  add(Token::Kind::string, line, std::move(text));
}

std::optional<char32_t> Lexer::read_escaped_code(std::string_view digits, size_t count) const {
  if (digits.size() < count) return std::nullopt;
  char32_t code = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!is_hex_digit(digits[i])) return std::nullopt;
    const char c = digits[i];
    code = code * 16 + char32_t(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return code;
}

// The escapes of a Python string; unknown ones stay as they are written.
std::string Lexer::unescape(std::string_view body, int line) const {
  static constexpr std::string_view letters = "nt\\'\"abfvr", meanings = "\n\t\\'\"\a\b\f\v\r";
  std::string out;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out += body[i];
      continue;
    }
    const char c = body[++i];
    const size_t letter = letters.find(c);
    if (letter != std::string_view::npos) {
      out += meanings[letter];
    } else if (c == '\n') {
      continue;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      const auto code = read_escaped_code(body.substr(i + 1), count);
      if (!code || *code > 0x10FFFF)
        error(line, "bad escape '\\", c, "': expected ", count,
              " hexadecimal digits of a character");
      append_utf8(out, *code);
      i += count;
    } else if (c >= '0' && c <= '7') {
      char32_t code = 0;
      size_t count = 0;
      for (;
           count < 3 && i + count < body.size() && body[i + count] >= '0' && body[i + count] <= '7';
           ++count)
        code = code * 8 + char32_t(body[i + count] - '0');
      append_utf8(out, code);
      i += count - 1;
    } else {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::data:
      return "text";
    case Token::Kind::block_begin:
      return "'{%'";
    case Token::Kind::block_end:
      return "'%}'";
    case Token::Kind::print_begin:
      return "'{{'";
    case Token::Kind::print_end:
      return "'}}'";
    case Token::Kind::string:
      return "a string";
    case Token::Kind::end:
      return "the end of the template";
    case Token::Kind::name:
    case Token::Kind::integer:
    case Token::Kind::floating:
    case Token::Kind::symbol:
      break;
  }
  return "'" + token.text + "'";
}

std::vector<Token> tokenize(std::string_view source, const std::string& name) {
  return Lexer(source, name).run();
}

}  // namespace deepseek::jinja
