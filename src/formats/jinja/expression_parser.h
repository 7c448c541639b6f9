// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "formats/jinja/ast.h"
#include "formats/jinja/lexer.h"
#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// Reads expressions off a list of tokens, with Jinja's precedence: if-else, or, and, not,
/// comparisons, + -, ~, * / // %, **, signs, then postfixes, filters and tests.
class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, const std::string& name, const Limits& limits)
      : name_(name), limits_(limits), tokens_(std::move(tokens)) {}

  ExprPtr parse_expression();
  /// An expression without if-else of its own, as after `for … in`.
  ExprPtr parse_unconditional() { return parse_or(); }
  /// Expressions with commas between them make a tuple.
  ExprPtr parse_tuple(bool with_conditional, bool allow_empty = false);
  /// `name(…) | name(…)` over the text of a block; null when no filter follows.
  ExprPtr parse_block_filters(bool begins_with_name);

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& next() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  bool at_symbol(std::string_view s) const {
    return current().kind == Token::Kind::symbol && current().text == s;
  }
  bool at_name(std::string_view s) const {
    return current().kind == Token::Kind::name && current().text == s;
  }
  bool skip_symbol(std::string_view s) { return at_symbol(s) && (next(), true); }
  bool skip_name(std::string_view s) { return at_name(s) && (next(), true); }
  void expect_symbol(std::string_view s) {
    if (!skip_symbol(s)) expected(concat("'", s, "'"));
  }
  std::string expect_name(std::string_view what);
  [[noreturn]] void expected(std::string_view what) const;
  template <class... Parts>
  [[noreturn]] void error(int line, const Parts&... parts) const {
    fail(ErrorKind::bad_file, name_, ":", line, ": ", parts...);
  }

  /// One level of nesting for as long as it lives.
  class Nested {
   public:
    explicit Nested(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.nesting_ > parser_.limits_.parse_depth) parser_.too_deep();
    }
    ~Nested() { --parser_.nesting_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    ExpressionParser& parser_;
  };

  bool saw_varargs = false, saw_kwargs = false;  // names read since they were last cleared

 private:
  template <class Node>
  ExprPtr make(int line, Node node);
  [[noreturn]] void too_deep() const;

  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_compare();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filters);
  ExprPtr parse_postfix(ExprPtr object);
  ExprPtr parse_filters_and_tests(ExprPtr subject);
  ExprPtr parse_filter(ExprPtr subject);
  ExprPtr parse_test(ExprPtr subject);
  ExprPtr parse_primary();
  ExprPtr parse_name();
  ExprPtr parse_number();
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_index(ExprPtr object);
  CallArguments parse_arguments();
  std::string parse_dotted_name(std::string_view what);
  bool at_end_of_tuple() const;

  const std::string& name_;
  const Limits& limits_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int64_t nesting_ = 0;
};

}  // namespace deepseek::jinja
