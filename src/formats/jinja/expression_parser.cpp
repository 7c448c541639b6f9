// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/expression_parser.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace deepseek::jinja {
namespace {

using Kind = Token::Kind;

constexpr std::array<std::string_view, 7> reserved{"and", "or", "if", "elif", "else", "in", "is"};

struct ComparisonSymbol {
  std::string_view symbol;
  Comparison comparison;
};
constexpr std::array<ComparisonSymbol, 6> comparison_symbols{{
    {"==", Comparison::equal},
    {"!=", Comparison::not_equal},
    {"<", Comparison::less},
    {"<=", Comparison::less_equal},
    {">", Comparison::greater},
    {">=", Comparison::greater_equal},
}};

std::optional<Comparison> comparison_of(const Token& token) {
  if (token.kind == Kind::symbol)
    for (const auto& row : comparison_symbols)
      if (row.symbol == token.text) return row.comparison;
  return std::nullopt;
}

}  // namespace

template <class Node>
ExprPtr ExpressionParser::make(int line, Node node) {
  ExprNode any(std::move(node));
  const int depth = depth_of(any);
  if (depth > limits_.expression_depth)
    error(line, "the expression is over the budget of ", limits_.expression_depth,
          " levels; split it");
  return std::make_unique<const Expr>(Expr{line, depth, std::move(any)});
}

void ExpressionParser::too_deep() const {
  error(current().line, "the template is over its budget of ", limits_.parse_depth,
        " levels of nesting");
}

void ExpressionParser::expected(std::string_view what) const {
  error(current().line, "expected ", what, ", got ", describe(current()));
}

std::string ExpressionParser::expect_name(std::string_view what) {
  if (current().kind != Kind::name) expected(what);
  return next().text;
}

ExprPtr ExpressionParser::parse_expression() {
  const Nested nested(*this);
  int line = current().line;
  ExprPtr result = parse_or();
  while (skip_name("if")) {
    ExprPtr test = parse_or();
    ExprPtr otherwise = skip_name("else") ? parse_expression() : nullptr;
    result = make(line, Conditional{std::move(test), std::move(result), std::move(otherwise)});
    line = current().line;
  }
  return result;
}

ExprPtr ExpressionParser::parse_or() {
  const int line = current().line;
  ExprPtr left = parse_and();
  while (skip_name("or")) left = make(line, Logic{false, std::move(left), parse_and()});
  return left;
}

ExprPtr ExpressionParser::parse_and() {
  const int line = current().line;
  ExprPtr left = parse_not();
  while (skip_name("and")) left = make(line, Logic{true, std::move(left), parse_not()});
  return left;
}

ExprPtr ExpressionParser::parse_not() {
  const int line = current().line;
  if (!skip_name("not")) return parse_compare();
  const Nested nested(*this);
  return make(line, Not{parse_not()});
}

ExprPtr ExpressionParser::parse_compare() {
  const int line = current().line;
  Compare compare{parse_sum(), {}};
  while (true) {
    if (const auto op = comparison_of(current())) {
      next();
      compare.rest.emplace_back(*op, parse_sum());
    } else if (skip_name("in")) {
      compare.rest.emplace_back(Comparison::in, parse_sum());
    } else if (at_name("not") && ahead().kind == Kind::name && ahead().text == "in") {
      next(), next();
      compare.rest.emplace_back(Comparison::not_in, parse_sum());
    } else {
      break;
    }
  }
  if (compare.rest.empty()) return std::move(compare.first);
  return make(line, std::move(compare));
}

ExprPtr ExpressionParser::parse_sum() {
  ExprPtr left = parse_concat();
  while (at_symbol("+") || at_symbol("-")) {
    const int line = current().line;
    const Operator op = next().text == "+" ? Operator::add : Operator::subtract;
    left = make(line, Binary{op, std::move(left), parse_concat()});
  }
  return left;
}

ExprPtr ExpressionParser::parse_concat() {
  const int line = current().line;
  ExprPtr first = parse_product();
  if (!at_symbol("~")) return first;
  Concat concat;
  concat.parts.push_back(std::move(first));
  while (skip_symbol("~")) concat.parts.push_back(parse_product());
  return make(line, std::move(concat));
}

ExprPtr ExpressionParser::parse_product() {
  ExprPtr left = parse_power();
  while (true) {
    const int line = current().line;
    Operator op;
    if (at_symbol("*"))
      op = Operator::multiply;
    else if (at_symbol("/"))
      op = Operator::divide;
    else if (at_symbol("//"))
      op = Operator::floor_divide;
    else if (at_symbol("%"))
      op = Operator::modulo;
    else
      return left;
    next();
    left = make(line, Binary{op, std::move(left), parse_power()});
  }
}

ExprPtr ExpressionParser::parse_power() {
  const int line = current().line;
  ExprPtr left = parse_unary(true);
  while (skip_symbol("**"))
    left = make(line, Binary{Operator::power, std::move(left), parse_unary(true)});
  return left;
}

ExprPtr ExpressionParser::parse_unary(bool with_filters) {
  const int line = current().line;
  ExprPtr value;
  if (at_symbol("-") || at_symbol("+")) {
    const Nested nested(*this);
    const bool negative = next().text == "-";
    value = make(line, Sign{parse_unary(false), negative});
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters_and_tests(std::move(value)) : std::move(value);
}

ExprPtr ExpressionParser::parse_postfix(ExprPtr object) {
  while (true) {
    const int line = current().line;
    if (skip_symbol(".")) {
      if (current().kind == Kind::integer) {
        object = make(line, Item{std::move(object), parse_number()});
      } else {
        std::string name = expect_name("the name of an attribute");
        object = make(line, Attribute{std::move(object), std::move(name)});
      }
    } else if (at_symbol("[")) {
      object = parse_index(std::move(object));
    } else if (at_symbol("(")) {
      CallArguments arguments = parse_arguments();
      object = make(line, Call{std::move(object), std::move(arguments)});
    } else {
      return object;
    }
  }
}

ExprPtr ExpressionParser::parse_index(ExprPtr object) {
  const Nested nested(*this);
  const int line = current().line;
  expect_symbol("[");
  ExprPtr begin = at_symbol(":") ? nullptr : parse_tuple(true);
  if (!skip_symbol(":")) {
    expect_symbol("]");
    return make(line, Item{std::move(object), std::move(begin)});
  }
  ExprPtr end = at_symbol(":") || at_symbol("]") ? nullptr : parse_expression();
  ExprPtr step;
  if (skip_symbol(":") && !at_symbol("]")) step = parse_expression();
  expect_symbol("]");
  return make(line, Slice{std::move(object), std::move(begin), std::move(end), std::move(step)});
}

ExprPtr ExpressionParser::parse_filters_and_tests(ExprPtr subject) {
  while (true) {
    const int line = current().line;
    if (skip_symbol("|")) {
      subject = parse_filter(std::move(subject));
    } else if (skip_name("is")) {
      subject = parse_test(std::move(subject));
    } else if (at_symbol("(")) {
      CallArguments arguments = parse_arguments();
      subject = make(line, Call{std::move(subject), std::move(arguments)});
    } else {
      return subject;
    }
  }
}

std::string ExpressionParser::parse_dotted_name(std::string_view what) {
  std::string name = expect_name(what);
  while (skip_symbol(".")) name += "." + expect_name(what);
  return name;
}

ExprPtr ExpressionParser::parse_filter(ExprPtr subject) {
  const int line = current().line;
  std::string name = parse_dotted_name("the name of a filter");
  CallArguments arguments;
  if (at_symbol("(")) arguments = parse_arguments();
  return make(line, Filter{std::move(subject), std::move(name), std::move(arguments)});
}

ExprPtr ExpressionParser::parse_block_filters(bool begins_with_name) {
  ExprPtr filters;
  if (begins_with_name) filters = parse_filter(nullptr);
  while (skip_symbol("|")) filters = parse_filter(std::move(filters));
  return filters;
}

ExprPtr ExpressionParser::parse_test(ExprPtr subject) {
  const int line = current().line;
  const bool negated = skip_name("not");
  std::string name = parse_dotted_name("the name of a test");
  CallArguments arguments;
  if (at_symbol("(")) {
    arguments = parse_arguments();
  } else {
    const Token& token = current();
    const bool begins_value = token.kind == Kind::string || token.kind == Kind::integer ||
                              token.kind == Kind::floating || at_symbol("[") || at_symbol("{") ||
                              (token.kind == Kind::name && token.text != "else" &&
                               token.text != "or" && token.text != "and" && token.text != "if");
    if (at_name("is")) error(line, "tests cannot be chained with 'is'; join them with 'and'");
    if (begins_value) arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExprPtr test = make(line, Test{std::move(subject), std::move(name), std::move(arguments)});
  return negated ? make(line, Not{std::move(test)}) : std::move(test);
}

CallArguments ExpressionParser::parse_arguments() {
  const Nested nested(*this);
  const int line = current().line;
  CallArguments arguments;
  expect_symbol("(");
  while (!at_symbol(")")) {
    if (at_symbol("*") && !arguments.more_positional && !arguments.more_named) {
      next();
      arguments.more_positional = parse_expression();
    } else if (at_symbol("**") && !arguments.more_named) {
      next();
      arguments.more_named = parse_expression();
    } else if (current().kind == Kind::name && ahead().kind == Kind::symbol &&
               ahead().text == "=") {
      if (arguments.more_named) error(line, "named arguments go before **");
      std::string name = next().text;
      next();
      arguments.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (!arguments.named.empty() || arguments.more_positional || arguments.more_named)
        error(line, "positional arguments go before named ones and before * and **");
      arguments.positional.push_back(parse_expression());
    }
    if (!at_symbol(")") && !skip_symbol(",")) expected("',' or ')' after an argument");
  }
  expect_symbol(")");
  return arguments;
}

ExprPtr ExpressionParser::parse_primary() {
  const Token& token = current();
  switch (token.kind) {
    case Kind::name:
      return parse_name();
    case Kind::integer:
    case Kind::floating:
      return parse_number();
    case Kind::string: {
      const int line = token.line;
      std::string text;
      while (current().kind == Kind::string) text += next().text;
      return make(line, Literal{Value::string(std::move(text))});
    }
    default:
      break;
  }
  if (at_symbol("[")) return parse_list();
  if (at_symbol("{")) return parse_dict();
  if (!at_symbol("(")) expected("an expression");
  const Nested nested(*this);
  next();
  ExprPtr inside = parse_tuple(true, true);
  expect_symbol(")");
  return inside;
}

ExprPtr ExpressionParser::parse_name() {
  const Token& token = current();
  const std::string& text = token.text;
  if (std::find(reserved.begin(), reserved.end(), text) != reserved.end())
    expected("an expression");
  next();
  if (text == "true" || text == "True") return make(token.line, Literal{Value(true)});
  if (text == "false" || text == "False") return make(token.line, Literal{Value(false)});
  if (text == "none" || text == "None") return make(token.line, Literal{Value::none()});
  saw_varargs |= text == "varargs";
  saw_kwargs |= text == "kwargs";
  return make(token.line, Name{text});
}

ExprPtr ExpressionParser::parse_number() {
  const Token& token = next();
  const char* begin = token.text.data();
  const char* end = begin + token.text.size();
  if (token.kind == Kind::floating) {
    double value = 0;
    const auto result = std::from_chars(begin, end, value);
    if (result.ec == std::errc::result_out_of_range)
      error(token.line, "number out of range: ", token.text);
    return make(token.line, Literal{Value(value)});
  }
  int base = 10;
  if (token.text.size() > 2 && token.text[0] == '0') {
    const char letter = char(token.text[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    if (base != 10) begin += 2;
  }
  int64_t value = 0;
  const auto result = std::from_chars(begin, end, value, base);
  if (result.ec != std::errc() || result.ptr != end)
    error(token.line, "expected an integer of 64 bits, got ", token.text);
  return make(token.line, Literal{Value(value)});
}

ExprPtr ExpressionParser::parse_list() {
  const int line = current().line;
  ListLiteral list{{}, false};
  expect_symbol("[");
  while (!at_symbol("]")) {
    list.items.push_back(parse_expression());
    if (!at_symbol("]") && !skip_symbol(",")) expected("',' or ']' in a list");
  }
  expect_symbol("]");
  return make(line, std::move(list));
}

ExprPtr ExpressionParser::parse_dict() {
  const int line = current().line;
  DictLiteral dict;
  expect_symbol("{");
  while (!at_symbol("}")) {
    ExprPtr key = parse_expression();
    expect_symbol(":");
    dict.entries.emplace_back(std::move(key), parse_expression());
    if (!at_symbol("}") && !skip_symbol(",")) expected("',' or '}' in a dict");
  }
  expect_symbol("}");
  return make(line, std::move(dict));
}

bool ExpressionParser::at_end_of_tuple() const {
  return current().kind == Kind::print_end || current().kind == Kind::block_end ||
         current().kind == Kind::end || at_symbol(")") || at_symbol("]");
}

ExprPtr ExpressionParser::parse_tuple(bool with_conditional, bool allow_empty) {
  const int line = current().line;
  ListLiteral tuple{{}, true};
  bool has_comma = false;
  while (!at_end_of_tuple() && (with_conditional || !at_name("recursive"))) {
    tuple.items.push_back(with_conditional ? parse_expression() : parse_or());
    if (!skip_symbol(",")) break;
    has_comma = true;
  }
  if (!has_comma && tuple.items.size() == 1) return std::move(tuple.items[0]);
  if (tuple.items.empty() && !allow_empty) expected("an expression");
  return make(line, std::move(tuple));
}

}  // namespace deepseek::jinja
