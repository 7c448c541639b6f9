// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/regex_parser.h"

#include <algorithm>

#include "core/utf8.h"
#include "formats/grammar/char_categories.h"
#include "formats/grammar/meter.h"

namespace deepseek::grammar {
namespace {

CharSet set_of(std::initializer_list<CharRange> ranges) {
  return CharSet(std::span(ranges.begin(), ranges.size()));
}

CharSet digits() { return set_of({{'0', '9'}}); }
CharSet word_chars() { return set_of({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}); }
CharSet blanks() {
  return set_of({{'\t', '\r'},
                 {' ', ' '},
                 {0xA0, 0xA0},
                 {0x1680, 0x1680},
                 {0x2000, 0x200A},
                 {0x2028, 0x2029},
                 {0x202F, 0x202F},
                 {0x205F, 0x205F},
                 {0x3000, 0x3000},
                 {0xFEFF, 0xFEFF}});
}
CharSet line_ends() { return set_of({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}); }

/// Of all classes of an expression together; \p{L} alone has 659.
constexpr int64_t most_class_ranges = 1'000'000;

class Parser {
 public:
  Parser(std::string_view pattern, const Budget& budget, const std::string& where)
      : where_(where), budget_(budget), pattern_(pattern) {
    if (int64_t(pattern.size()) > budget.source_bytes)
      Meter::exceeded("source bytes", int64_t(pattern.size()), budget.source_bytes);
    while (!pattern.empty()) {
      const Utf8Step step = read_utf8(pattern);
      if (step.kind != Utf8Step::Kind::good) malformed("UTF-8");
      chars_.push_back(step.code_point);
      pattern.remove_prefix(size_t(step.size_bytes));
    }
  }

  RegexNode run() {
    RegexNode node = alternatives(1);
    if (!over()) malformed("an opening parenthesis before ')'");
    return node;
  }

 private:
  bool over() const { return at_ == chars_.size(); }
  char32_t peek(size_t ahead = 0) const {
    return at_ + ahead < chars_.size() ? chars_[at_ + ahead] : char32_t(-1);
  }
  bool take(char32_t c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void malformed(std::string_view expected) const {
    fail(ErrorKind::invalid_input, where_, ": expected ", expected, " at character ", at_ + 1,
         " of the expression \"", printable(pattern_, 80), "\"");
  }
  [[noreturn]] void refused(std::string_view what) const {
    fail(ErrorKind::unsupported, where_, ": ", what, " at character ", at_ + 1,
         " of the expression \"", printable(pattern_, 80),
         "\" cannot bind output; write it without");
  }

  RegexNode alternatives(int64_t depth) {
    if (depth > budget_.depth) Meter::exceeded("depth", depth, budget_.depth);
    RegexNode first = sequence(depth);
    if (peek() != '|') return first;
    RegexNode node{.kind = RegexNode::Kind::choice};
    node.children.push_back(std::move(first));
    while (take('|')) node.children.push_back(sequence(depth));
    return node;
  }

  RegexNode sequence(int64_t depth) {
    RegexNode node{.kind = RegexNode::Kind::sequence};
    while (!over() && peek() != '|' && peek() != ')') node.children.push_back(repeated(depth));
    return node;
  }

  RegexNode repeated(int64_t depth) {
    RegexNode node = atom(depth);
    for (int64_t nested = depth + 1;; ++nested) {
      int64_t min = 0, max = unlimited;
      if (take('*')) {
      } else if (take('+')) {
        min = 1;
      } else if (take('?')) {
        max = 1;
      } else if (!interval(min, max)) {
        return node;
      }
      if (node.kind == RegexNode::Kind::begin || node.kind == RegexNode::Kind::end)
        malformed("something that can be repeated before a repetition");
      if (peek() == '+') refused("a possessive repetition");
      take('?');
      if (nested > budget_.depth) Meter::exceeded("depth", nested, budget_.depth);
      RegexNode repeat{.kind = RegexNode::Kind::repeat};
      repeat.children.push_back(std::move(node));
      repeat.min = min;
      repeat.max = max;
      node = std::move(repeat);
    }
  }

  /// {n}, {n,} or {n,m}; any other brace is a character.
  bool interval(int64_t& min, int64_t& max) {
    if (peek() != '{' || peek(1) < '0' || peek(1) > '9') return false;
    const size_t begin = at_++;
    min = max = number();
    if (take(',')) max = peek() == '}' ? unlimited : number();
    if (!take('}')) {
      at_ = begin;
      malformed("{n}, {n,} or {n,m}");
    }
    if (max < min) {
      at_ = begin;
      malformed("a repetition whose second number is not below the first");
    }
    return true;
  }

  int64_t number() {
    if (peek() < '0' || peek() > '9') malformed("a number");
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + int64_t(peek() - '0');
      if (value > 1'000'000'000) Meter::exceeded("states", unlimited, budget_.states);
    }
    return value;
  }

  RegexNode of_set(CharSet set) {
    RegexNode node{.kind = RegexNode::Kind::set};
    node.set = std::move(set);
    return node;
  }

  RegexNode atom(int64_t depth) {
    const char32_t c = peek();
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return of_set(char_class());
      case '.':
        ++at_;
        return of_set(line_ends().complement());
      case '^':
        ++at_;
        return {.kind = RegexNode::Kind::begin};
      case '$':
        ++at_;
        return {.kind = RegexNode::Kind::end};
      case '*':
      case '+':
      case '?':
        malformed("something to repeat before a repetition");
      case '\\':
        return of_set(escape(false));
      case '{':
        if (peek(1) >= '0' && peek(1) <= '9') malformed("something to repeat before a repetition");
        break;
      default:
        break;
    }
    ++at_;
    return of_set(set_of({{c, c}}));
  }

  RegexNode group(int64_t depth) {
    const size_t begin = at_++;
    if (take('?')) {
      if (take(':')) {
      } else if ((peek() == 'P' && peek(1) == '<') ||
                 (peek() == '<' && peek(1) != '=' && peek(1) != '!')) {
        while (!over() && peek() != '>') ++at_;
        if (!take('>')) malformed("'>' after the name of a group");
      } else {
        refused(peek() == '=' || peek() == '!' || peek() == '<' ? "lookaround"
                                                                : "a group with flags");
      }
    }
    RegexNode node = alternatives(depth + 1);
    if (!take(')')) {
      at_ = begin;
      malformed("a closing parenthesis for the one");
    }
    return node;
  }

  CharSet char_class() {
    const size_t begin = at_++;
    const bool negated = take('^');
    CharSet set;
    std::vector<CharRange> ranges;
    while (!take(']')) {
      if (over()) {
        at_ = begin;
        malformed("a closing bracket for the one");
      }
      const CharSet first = class_atom();
      const bool single =
          first.ranges().size() == 1 && first.ranges()[0].first == first.ranges()[0].last;
      if (peek() == '-' && peek(1) != ']' && at_ + 1 < chars_.size()) {
        ++at_;
        const CharSet last = class_atom();
        if (!single || last.ranges().size() != 1 ||
            last.ranges()[0].first != last.ranges()[0].last ||
            last.ranges()[0].first < first.ranges()[0].first)
          malformed("a range from a lower to a higher character before here");
        ranges.push_back({first.ranges()[0].first, last.ranges()[0].first});
      } else {
        ranges.insert(ranges.end(), first.ranges().begin(), first.ranges().end());
        class_ranges_ += int64_t(first.ranges().size());
        if (class_ranges_ > most_class_ranges)
          Meter::exceeded("ranges in character classes", class_ranges_, most_class_ranges);
      }
    }
    set = CharSet(ranges);
    if (negated) set = set.complement();
    if (set.empty()) malformed("a class with at least one character before here");
    return set;
  }

  CharSet class_atom() {
    if (peek() == '\\') return escape(true);
    if (peek() == '[' && (peek(1) == ':' || peek(1) == '.' || peek(1) == '='))
      refused("a POSIX class");
    const char32_t c = peek();
    ++at_;
    return set_of({{c, c}});
  }

  CharSet escape(bool in_class) {
    ++at_;
    if (over()) malformed("a character after the backslash");
    const char32_t c = peek();
    const auto is = [&](char32_t value) {
      ++at_;
      return set_of({{value, value}});
    };
    switch (c) {
      case 'd':
        ++at_;
        return digits();
      case 'D':
        ++at_;
        return digits().complement();
      case 'w':
        ++at_;
        return word_chars();
      case 'W':
        ++at_;
        return word_chars().complement();
      case 's':
        ++at_;
        return blanks();
      case 'S':
        ++at_;
        return blanks().complement();
      case 't':
        return is('\t');
      case 'n':
        return is('\n');
      case 'r':
        return is('\r');
      case 'f':
        return is('\f');
      case 'v':
        return is('\v');
      case 'a':
        return is('\a');
      case 'e':
        return is(0x1B);
      case 'p':
      case 'P':
        return category();
      case 'x':
        ++at_;
        return code_point(2);
      case 'u':
        ++at_;
        return unicode();
      case 'c':
        ++at_;
        return control();
      case 'b':
        if (in_class) return is('\b');
        refused("\\b");
      case 'B':
      case 'A':
      case 'Z':
      case 'z':
      case 'G':
        refused("an anchor of this kind");
      case 'k':
        refused("a reference to a group");
      case '0':
        if (peek(1) >= '0' && peek(1) <= '9') refused("an octal number");
        return is(0);
      default:
        break;
    }
    if (c >= '1' && c <= '9') refused("a reference to a group");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) malformed("a known escape");
    return is(c);
  }

  CharSet control() {
    const char32_t letter = peek() | 0x20;
    if (over() || letter < 'a' || letter > 'z') malformed("a letter after \\c");
    ++at_;
    return set_of({{letter & 0x1F, letter & 0x1F}});
  }

  int hex_digit() const {
    const char32_t c = peek();
    if (c >= '0' && c <= '9') return int(c - '0');
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') return int((c | 0x20) - 'a') + 10;
    return -1;
  }

  char32_t hex(int count) {
    char32_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      if (hex_digit() < 0) malformed("a hexadecimal digit");
      value = value * 16 + char32_t(hex_digit());
    }
    return value;
  }

  CharSet code_point(int count) {
    const char32_t value = hex(count);
    return scalar(value);
  }

  CharSet scalar(char32_t value) {
    const CharSet set = set_of({{value, value}});
    if (set.empty()) malformed("a Unicode character, not half of one, before here");
    return set;
  }

  CharSet unicode() {
    if (take('{')) {
      char32_t value = 0;
      if (hex_digit() < 0) malformed("a hexadecimal digit");
      while (hex_digit() >= 0) {
        value = std::min<char32_t>(value * 16 + char32_t(hex_digit()), 0x110000);
        ++at_;
      }
      if (!take('}')) malformed("'}' after the number of a character");
      return scalar(value);
    }
    char32_t value = hex(4);
    if (value >= 0xD800 && value < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
      at_ += 2;
      const char32_t low = hex(4);
      if (low < 0xDC00 || low > 0xDFFF) malformed("the second half of a character before here");
      value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
    }
    return scalar(value);
  }

  CharSet category() {
    const bool negated = peek() == 'P';
    ++at_;
    if (!take('{')) malformed("'{' and a category");
    std::string name;
    while (!over() && peek() != '}') {
      append_utf8(name, peek());
      ++at_;
    }
    if (!take('}')) malformed("'}' after a category");
    const std::optional<CharSet> set = category_chars(name);
    if (!set) refused("a property other than a general category");
    return negated ? set->complement() : *set;
  }

  const std::string& where_;
  const Budget& budget_;
  std::string_view pattern_;
  std::vector<char32_t> chars_;
  size_t at_ = 0;
  int64_t class_ranges_ = 0;
};

/// Writes an expression whose anchors were dealt with.
class Writer {
 public:
  Writer(Builder& builder, const CharWriter& write, const std::string& where)
      : builder_(builder), write_(write), where_(where) {}

  Node plain(const RegexNode& node) {
    using Kind = RegexNode::Kind;
    std::vector<Node> children;
    switch (node.kind) {
      case Kind::set:
        return write_(node.set);
      case Kind::begin:
      case Kind::end:
        fail(ErrorKind::unsupported, where_,
             ": expected ^ only at the beginning and $ only at the "
             "end of the expression, got an anchor elsewhere; write it without");
      case Kind::repeat:
        return builder_.repeat(plain(node.children[0]), node.min, node.max);
      case Kind::sequence:
      case Kind::choice:
        break;
    }
    children.reserve(node.children.size());
    for (const RegexNode& child : node.children) children.push_back(plain(child));
    return node.kind == Kind::sequence ? builder_.sequence(children) : builder_.choice(children);
  }

  /// Alternatives at the top, each with its anchors; text may surround it unless `whole`.
  Node anchored(const RegexNode& node, bool whole) {
    using Kind = RegexNode::Kind;
    if (node.kind == Kind::choice) {
      std::vector<Node> options;
      options.reserve(node.children.size());
      for (const RegexNode& child : node.children) options.push_back(anchored(child, whole));
      return builder_.choice(options);
    }
    if (node.kind == Kind::sequence && node.children.size() == 1 &&
        (node.children[0].kind == Kind::sequence || node.children[0].kind == Kind::choice))
      return anchored(node.children[0], whole);
    size_t first = 0, last = node.kind == Kind::sequence ? node.children.size() : 0;
    bool begins = whole, ends = whole;
    for (; first < last && node.children[first].kind == Kind::begin; ++first) begins = true;
    for (; last > first && node.children[last - 1].kind == Kind::end; --last) ends = true;
    std::vector<Node> parts;
    if (!begins) parts.push_back(anything());
    for (size_t i = first; i < last; ++i) parts.push_back(plain(node.children[i]));
    if (node.kind != Kind::sequence) parts.push_back(plain(node));
    if (!ends) parts.push_back(anything());
    return builder_.sequence(parts);
  }

 private:
  Node anything() { return builder_.repeat(write_(CharSet::all()), 0); }

  Builder& builder_;
  const CharWriter& write_;
  const std::string& where_;
};

}  // namespace

RegexNode parse_regex(std::string_view pattern, const Budget& budget, const std::string& where) {
  return Parser(pattern, budget, where).run();
}

Node whole_match(Builder& builder, const RegexNode& regex, const CharWriter& write,
                 const std::string& where) {
  return Writer(builder, write, where).anchored(regex, true);
}

Node partial_match(Builder& builder, const RegexNode& regex, const CharWriter& write,
                   const std::string& where) {
  return Writer(builder, write, where).anchored(regex, false);
}

}  // namespace deepseek::grammar
