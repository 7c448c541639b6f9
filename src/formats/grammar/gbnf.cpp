// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "core/utf8.h"
#include "formats/grammar/builder_parts.h"

namespace deepseek::grammar {
namespace {

/// llama.cpp's notation: `name ::= alternatives`, "literals", [classes], `.`, rule names, groups,
/// * + ? {n} {n,} {n,m}, # comments. A rule ends with its line; within parentheses and after `|`
/// and `::=` it goes on.
class Parser {
 public:
  Parser(Builder& builder, std::string_view text) : builder_(builder), text_(text) {
    builder.parts().meter.check_source(text);
    if (!is_valid_utf8(text)) malformed("UTF-8");
  }

  Node run() {
    skip(true);
    while (at_ < text_.size()) {
      definition();
      if (at_ < text_.size() && peek() != '\n' && peek() != '\r') malformed("the end of the rule");
      skip(true);
    }
    const auto root = rules_.find("root");
    for (const auto& [name, rule] : rules_) {
      if (!rule.defined) {
        at_ = rule.used_at;
        malformed(concat("a definition of rule ", name));
      }
    }
    if (root == rules_.end()) malformed("a rule named root");
    return builder_.ref(root->second.rule);
  }

 private:
  struct Named {
    Rule rule;
    size_t used_at = 0;
    bool defined = false;
  };

  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  [[noreturn]] void malformed(std::string_view expected) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < std::min(at_, text_.size()); ++i) {
      column = text_[i] == '\n' ? 1 : column + 1;
      line += text_[i] == '\n';
    }
    fail(ErrorKind::invalid_input, "GBNF: expected ", printable(expected), " at line ", line,
         ", column ", column, ", got ",
         at_ < text_.size() ? concat("\"", printable(text_.substr(at_, 20)), "\"") : "the end");
  }

  void skip(bool lines) {
    for (;; ++at_) {
      if (peek() == '#') {
        while (at_ < text_.size() && peek() != '\n') ++at_;
        if (at_ == text_.size()) return;
      }
      const char c = peek();
      if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) return;
    }
  }

  static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  }
  std::string name() {
    const size_t begin = at_;
    while (is_name(peek())) ++at_;
    if (at_ == begin) malformed("the name of a rule");
    return std::string(text_.substr(begin, at_ - begin));
  }
  Named& named(const std::string& name, size_t at) {
    const auto found = rules_.find(name);
    if (found != rules_.end()) return found->second;
    return rules_.emplace(name, Named{builder_.rule(name), at, false}).first->second;
  }

  void definition() {
    const size_t begin = at_;
    Named& rule = named(name(), begin);
    if (rule.defined) {
      at_ = begin;
      malformed("each rule once");
    }
    rule.defined = true;
    skip(false);
    if (!take("::=")) malformed("'::='");
    skip(true);
    builder_.define(rule.rule, alternatives(1));
  }

  Node alternatives(int64_t depth) {
    builder_.parts().meter.check_depth(depth);
    std::vector<Node> options{sequence(depth)};
    while (take("|")) {
      skip(true);
      options.push_back(sequence(depth));
    }
    return builder_.choice(options);
  }

  Node sequence(int64_t depth) {
    std::vector<Node> parts;
    for (skip(depth > 1);; skip(depth > 1)) {
      const char c = peek();
      if (at_ == text_.size() || c == '|' || c == ')' || c == '\n' || c == '\r') break;
      parts.push_back(repeated(depth));
    }
    return builder_.sequence(parts);
  }

  Node repeated(int64_t depth) {
    Node node = atom(depth);
    for (;; skip(depth > 1)) {
      skip(depth > 1);
      if (take("*")) {
        node = builder_.repeat(node, 0);
      } else if (take("+")) {
        node = builder_.repeat(node, 1);
      } else if (take("?")) {
        node = builder_.repeat(node, 0, 1);
      } else if (take("{")) {
        skip(false);
        const int64_t min = peek() == ',' ? 0 : number();
        int64_t max = min;
        skip(false);
        if (take(",")) {
          skip(false);
          max = peek() == '}' ? unlimited : number();
        }
        skip(false);
        if (!take("}")) malformed("'}' after a repetition");
        if (max < min) malformed("a repetition whose second number is not below the first");
        node = builder_.repeat(node, min, max);
      } else {
        return node;
      }
    }
  }

  int64_t number() {
    if (peek() < '0' || peek() > '9') malformed("a number");
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + (peek() - '0');
      if (value > 1'000'000'000)
        Meter::exceeded("states", unlimited, builder_.parts().meter.budget().states);
    }
    return value;
  }

  Node atom(int64_t depth) {
    const size_t begin = at_;
    if (take("(")) {
      const Node node = alternatives(depth + 1);
      if (!take(")")) malformed("')'");
      return node;
    }
    if (take("\"")) {
      std::string literal;
      while (!take("\"")) {
        if (at_ >= text_.size() || peek() == '\n') malformed("'\"' at the end of a literal");
        append_utf8(literal, character());
      }
      return builder_.literal(literal);
    }
    if (peek() == '[') return char_class();
    if (take(".")) return builder_.any_char();
    if (peek() == '<' || peek() == '!')
      fail(ErrorKind::unsupported,
           "GBNF: tokens as symbols (<…>) are not supported; write their "
           "text as a literal");
    const std::string rule = name();
    return builder_.ref(named(rule, begin).rule);
  }

  Node char_class() {
    ++at_;
    const bool negated = take("^");
    std::vector<CharRange> ranges;
    while (!take("]")) {
      if (at_ >= text_.size()) malformed("']' at the end of a class");
      const char32_t first = character();
      char32_t last = first;
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        if (at_ >= text_.size()) malformed("the end of a range");
        last = character();
      }
      if (last < first) malformed("a range from a lower to a higher character before here");
      ranges.push_back({first, last});
    }
    CharSet set(ranges);
    if (negated) set = set.complement();
    if (set.empty()) malformed("a class with at least one character before here");
    return builder_.parts().chars(set);
  }

  char32_t character() {
    if (peek() != '\\') {
      const Utf8Step step = read_utf8(text_.substr(at_));
      at_ += size_t(step.size_bytes);
      return step.code_point;
    }
    ++at_;
    const char c = peek();
    ++at_;
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '"':
      case '\\':
      case '[':
      case ']':
      case '-':
      case '^':
      case '/':
        return char32_t(c);
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      default:
        at_ -= 2;
        malformed("a known escape");
    }
  }

  char32_t hex(int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const char c = peek();
      const char lower = char(c | 0x20);
      if (c >= '0' && c <= '9')
        value = value * 16 + uint64_t(c - '0');
      else if (lower >= 'a' && lower <= 'f')
        value = value * 16 + uint64_t(lower - 'a') + 10;
      else
        malformed("a hexadecimal digit");
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      malformed("a Unicode character before here");
    return char32_t(value);
  }

  Builder& builder_;
  std::string_view text_;
  size_t at_ = 0;
  std::map<std::string, Named> rules_;
};

}  // namespace

Node Builder::gbnf(std::string_view text) { return Parser(*this, text).run(); }

}  // namespace deepseek::grammar
