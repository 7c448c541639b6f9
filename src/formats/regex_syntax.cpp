// SPDX-License-Identifier: Apache-2.0
#include "formats/regex_syntax.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/error.h"
#include "core/text.h"

namespace deepseek {
namespace {

// Unicode's White_Space; PCRE2's own \s also holds U+180E.
constexpr std::string_view white_space =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view no_white_space =
    R"(\x{0}-\x{8}\x{E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF})"
    R"(\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
constexpr std::string_view word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view hex_digit = "0-9A-Fa-f";

struct LongName {
  std::string_view folded, category;
};

// General categories that Oniguruma also knows by their long names.
constexpr std::array<LongName, 22> long_names{{
    {"letter", "L"},
    {"lowercaseletter", "Ll"},
    {"uppercaseletter", "Lu"},
    {"titlecaseletter", "Lt"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"mark", "M"},
    {"nonspacingmark", "Mn"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"connectorpunctuation", "Pc"},
    {"symbol", "S"},
    {"separator", "Z"},
    {"spaceseparator", "Zs"},
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
}};

constexpr std::array<std::string_view, 9> binary_properties{
    "any",         "alphabetic",           "lowercase", "uppercase", "whitespace", "emoji",
    "ideographic", "extendedpictographic", "math"};

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& owner) : in_(pattern), owner_(owner) {}

  std::string run() {
    while (at_ < in_.size()) item();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail(ErrorKind::unsupported, owner_, ": pattern \"", printable(in_), "\": ", what,
         " cannot be used here");
  }
  char peek(size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  bool sees(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  void copy(size_t count) {
    out_ += in_.substr(at_, count);
    at_ = std::min(at_ + count, in_.size());
  }

  void item() {
    switch (peek()) {
      case '\\':
        return escape(false);
      case '[':
        return character_class();
      case '(':
        return group();
      case '{':
        return interval();
      default:
        return copy(1);
    }
  }

  void group() {
    if (sees("(*")) refuse("(*…)");
    if (!sees("(?")) return copy(1);
    size_t end = at_ + 2;
    while (end < in_.size() && std::string_view("imx-").find(in_[end]) != std::string_view::npos)
      ++end;
    const bool options = end > at_ + 2 && end < in_.size() && (in_[end] == ':' || in_[end] == ')');
    if (!options) return copy(2);
    std::string letters(in_.substr(at_, end - at_));
    std::replace(letters.begin(), letters.end(), 'm', 's');
    out_ += letters;
    at_ = end;
  }

  void interval() {
    size_t end = at_ + 1;
    while (end < in_.size() &&
           (std::isdigit(static_cast<unsigned char>(in_[end])) || in_[end] == ','))
      ++end;
    if (end == at_ + 1 || end == in_.size() || in_[end] != '}') return copy(1);
    const std::string_view inner = in_.substr(at_ + 1, end - at_ - 1);
    if (inner == ",") return copy(1);
    out_ += '{';
    if (inner.front() == ',') out_ += '0';
    out_ += inner;
    out_ += '}';
    at_ = end + 1;
    if (peek() == '+') refuse("a possessive interval");
    if (peek() == '?' && inner.find(',') == inner.npos) refuse("a reluctant exact interval");
  }

  /// A class name inside a class, or a class of its own outside.
  void set(std::string_view members, bool inside, bool negated = false) {
    if (!inside) out_ += negated ? "[^" : "[";
    out_ += members;
    if (!inside) out_ += ']';
  }

  void escape(bool inside) {
    const char letter = peek(1);
    at_ += 2;
    switch (letter) {
      case '\0':
        refuse("a backslash at the end");
      case 's':
        return set(white_space, inside);
      case 'S':
        return set(no_white_space, inside);
      case 'd':
        return void(out_ += "\\p{Nd}");
      case 'D':
        return void(out_ += "\\P{Nd}");
      case 'w':
        return set(word, inside);
      case 'h':
        return set(hex_digit, inside);
      case 'W':
      case 'H':
        if (inside) refuse("\\W or \\H inside a class");
        return set(letter == 'W' ? word : hex_digit, false, true);
      case 'v':
        return void(out_ += "\\x{B}");
      case 'b':
      case 'B':
        if (inside) return void(out_ += "\\x{8}");
        return boundary(letter == 'b');
      case 'p':
      case 'P':
        return property(letter);
      case 'u':
        return code_point();
      default:
        at_ -= 2;
        copy(1);
        return copy(1);
    }
  }

  void boundary(bool wanted) {
    const std::string in_word = concat("[", word, "]");
    const char* form = wanted ? "!=" : "=!";
    out_ += concat("(?:(?<=", in_word, ")(?", form[0], in_word, ")|(?<!", in_word, ")(?", form[1],
                   in_word, "))");
  }

  void code_point() {
    const std::string_view digits = in_.substr(at_, 4);
    if (digits.size() < 4 || !std::all_of(digits.begin(), digits.end(),
                                          [](unsigned char c) { return std::isxdigit(c); }))
      refuse("\\u without four hexadecimal digits");
    out_ += concat("\\x{", digits, "}");
    at_ += 4;
  }

  void property(char letter) {
    const size_t close = in_.find('}', at_);
    if (peek() != '{' || close == in_.npos) refuse("\\p without {…}");
    std::string_view name = in_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    bool negated = letter == 'P';
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    std::string folded;
    for (const char c : name)
      if (c != ' ' && c != '_' && c != '-')
        folded += char(std::tolower(static_cast<unsigned char>(c)));
    std::string known(name);
    const auto category = std::find_if(long_names.begin(), long_names.end(),
                                       [&](const LongName& n) { return n.folded == folded; });
    const bool binary = std::find(binary_properties.begin(), binary_properties.end(), folded) !=
                        binary_properties.end();
    if (category != long_names.end())
      known = category->category;
    else if (folded.size() > 2 && !binary)  // a script, not its extensions
      known = concat("sc:", name);
    out_ += concat("\\", negated ? 'P' : 'p', "{", known, "}");
  }

  void character_class() {
    copy(1);
    if (peek() == '^') copy(1);
    for (bool first = true;; first = false) {
      if (at_ >= in_.size()) refuse("a character class without end");
      if (peek() == ']' && !first) return copy(1);
      if (sees("&&")) refuse("an intersection of classes");
      if (peek() == '\\') {
        escape(true);
      } else if (peek() == '[') {
        const size_t end = in_.find(":]", at_);
        if (peek(1) != ':' || end == in_.npos) refuse("a class inside a class");
        copy(end + 2 - at_);
      } else {
        copy(1);
      }
    }
  }

  std::string_view in_;
  const std::string& owner_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern, const std::string& owner) {
  // Of a run of white space either all up to its last line end matches or nothing, so a search may
  // begin at its start only. Without that, a run of n that is followed by something costs n².
  if (pattern == R"(\s+$)") return Translator(R"((?<!\s)\s+$)", owner).run();
  return Translator(pattern, owner).run();
}

std::string quoted_pattern(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && !std::isalnum(byte)) {
      quoted += concat("\\x{", std::hex, int(byte), "}");
    } else {
      quoted += c;
    }
  }
  return quoted;
}

}  // namespace deepseek
