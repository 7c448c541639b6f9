// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/parser.h"

#include <array>

#include "formats/jinja/expression_parser.h"
#include "formats/jinja/lexer.h"

namespace deepseek::jinja {
namespace {

using Kind = Token::Kind;
using Ends = std::initializer_list<std::string_view>;

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::string& name, const Limits& limits)
      : in_(std::move(tokens), name, limits) {}

  Body run() {
    Body body = parse_until({}, 1);
    return body;
  }

 private:
  template <class Node>
  static void add(Body& body, int line, Node node) {
    body.push_back(std::make_unique<const Statement>(Statement{line, std::move(node)}));
  }

  Body parse_until(Ends ends, int opened_at);
  Body parse_body(Ends ends, int opened_at);
  void parse_statement(Body& body);
  void parse_set(Body& body, int line);
  void parse_for(Body& body, int line);
  void parse_if(Body& body, int line);
  void parse_macro(Body& body, int line);
  void parse_call_block(Body& body, int line);
  void parse_with(Body& body, int line);
  std::vector<Parameter> parse_parameters();
  Target parse_target(bool with_attribute);
  Target parse_single_target(bool with_attribute);
  bool at_end(Ends ends) const;
  void end_block() {
    if (in_.current().kind != Kind::block_end) in_.expected("'%}'");
    in_.next();
  }
  /// Reads the word that ended a body and the end of its tag.
  void close() {
    in_.next();
    end_block();
  }

  ExpressionParser in_;
  int loops_ = 0;
};

bool Parser::at_end(Ends ends) const {
  for (const std::string_view end : ends)
    if (in_.at_name(end)) return true;
  return false;
}

// Leaves the parser at the word that ends the body.
Body Parser::parse_until(Ends ends, int opened_at) {
  Body body;
  while (true) {
    const Token& token = in_.current();
    switch (token.kind) {
      case Kind::data:
        add(body, token.line, Data{in_.next().text});
        break;
      case Kind::print_begin: {
        const int line = in_.next().line;
        ExprPtr value = in_.parse_tuple(true);
        if (in_.current().kind != Kind::print_end) in_.expected("'}}'");
        in_.next();
        add(body, line, Print{std::move(value)});
        break;
      }
      case Kind::block_begin:
        in_.next();
        if (at_end(ends)) return body;
        parse_statement(body);
        break;
      default:
        if (ends.size() == 0) return body;
        in_.expected(concat("'", *(ends.end() - 1), "' for the block opened in line ", opened_at));
    }
  }
}

Body Parser::parse_body(Ends ends, int opened_at) {
  in_.skip_symbol(":");
  end_block();
  const ExpressionParser::Nested nested(in_);
  return parse_until(ends, opened_at);
}

void Parser::parse_statement(Body& body) {
  static const std::vector<std::string> known{"set",    "for",  "if",         "macro", "call",
                                              "filter", "with", "generation", "break", "continue"};
  static constexpr std::array<std::string_view, 7> other{"extends", "include",    "import", "from",
                                                         "block",   "autoescape", "trans"};
  const int line = in_.current().line;
  const std::string word = in_.expect_name("the name of a statement");
  if (word == "set") return parse_set(body, line);
  if (word == "for") return parse_for(body, line);
  if (word == "if") return parse_if(body, line);
  if (word == "macro") return parse_macro(body, line);
  if (word == "call") return parse_call_block(body, line);
  if (word == "with") return parse_with(body, line);
  if (word == "filter") {
    ExprPtr filter = in_.parse_block_filters(true);
    Body inside = parse_body({"endfilter"}, line);
    close();
    return add(body, line, FilterBlock{std::move(filter), std::move(inside)});
  }
  if (word == "generation") {
    Body inside = parse_body({"endgeneration"}, line);
    close();
    return add(body, line, Block{std::move(inside)});
  }
  if (word == "break" || word == "continue") {
    if (loops_ == 0) in_.error(line, "'", word, "' outside a for loop");
    end_block();
    if (word == "break") return add(body, line, Break{});
    return add(body, line, Continue{});
  }
  for (const std::string_view name : other)
    if (word == name)
      in_.error(line, "'", word, "' is not supported: a chat template stands alone");
  const std::string_view near = nearest_name(word, known);
  in_.error(line, "unknown or unexpected statement '", word, "'",
            near.empty() ? "" : concat("; did you mean '", near, "'?"));
}

Target Parser::parse_single_target(bool with_attribute) {
  if (in_.skip_symbol("(")) {
    const ExpressionParser::Nested nested(in_);
    Target target = parse_target(with_attribute);
    in_.expect_symbol(")");
    return target;
  }
  Target target;
  const int line = in_.current().line;
  target.name = in_.expect_name("a name to assign to");
  if (with_attribute && in_.skip_symbol(".")) {
    target.kind = Target::Kind::attribute;
    target.attribute = in_.expect_name("the name of an attribute");
    return target;
  }
  for (const std::string_view word : {"true", "false", "none", "True", "False", "None"})
    if (target.name == word) in_.error(line, "cannot assign to '", word, "'");
  return target;
}

Target Parser::parse_target(bool with_attribute) {
  Target first = parse_single_target(with_attribute);
  if (!in_.at_symbol(",")) return first;
  Target tuple;
  tuple.kind = Target::Kind::tuple;
  tuple.parts.push_back(std::move(first));
  while (in_.skip_symbol(",")) {
    if (in_.at_name("in") || in_.at_symbol("=") || in_.at_symbol(")")) break;
    tuple.parts.push_back(parse_single_target(with_attribute));
  }
  return tuple;
}

void Parser::parse_set(Body& body, int line) {
  Target target = parse_target(true);
  if (in_.skip_symbol("=")) {
    ExprPtr value = in_.parse_tuple(true);
    end_block();
    return add(body, line, Set{std::move(target), std::move(value)});
  }
  ExprPtr filter = in_.parse_block_filters(false);
  if (in_.current().kind != Kind::block_end) in_.expected("'=' or '%}'");
  Body inside = parse_body({"endset"}, line);
  close();
  add(body, line, SetBlock{std::move(target), std::move(filter), std::move(inside)});
}

void Parser::parse_for(Body& body, int line) {
  For loop;
  loop.target = parse_target(false);
  if (!in_.skip_name("in")) in_.expected("'in'");
  loop.items = in_.parse_tuple(false);
  if (in_.skip_name("if")) loop.condition = in_.parse_expression();
  loop.is_recursive = in_.skip_name("recursive");
  ++loops_;
  loop.body = parse_body({"else", "endfor"}, line);
  --loops_;
  if (in_.at_name("else")) {
    in_.next();
    loop.otherwise = parse_body({"endfor"}, line);
  }
  close();
  add(body, line, std::move(loop));
}

void Parser::parse_if(Body& body, int line) {
  If node;
  do {
    if (!node.branches.empty()) in_.next();
    ExprPtr test = in_.parse_tuple(false);
    Body inside = parse_body({"elif", "else", "endif"}, line);
    node.branches.emplace_back(std::move(test), std::move(inside));
  } while (in_.at_name("elif"));
  if (in_.at_name("else")) {
    in_.next();
    node.otherwise = parse_body({"endif"}, line);
  }
  close();
  add(body, line, std::move(node));
}

std::vector<Parameter> Parser::parse_parameters() {
  std::vector<Parameter> parameters;
  in_.expect_symbol("(");
  while (!in_.at_symbol(")")) {
    const int line = in_.current().line;
    Parameter parameter{in_.expect_name("the name of a parameter"), nullptr};
    if (in_.skip_symbol("="))
      parameter.otherwise = in_.parse_expression();
    else if (!parameters.empty() && parameters.back().otherwise)
      in_.error(line, "parameter '", parameter.name, "' needs a default, as the one before has");
    parameters.push_back(std::move(parameter));
    if (!in_.at_symbol(")") && !in_.skip_symbol(",")) in_.expected("',' or ')'");
  }
  in_.next();
  return parameters;
}

void Parser::parse_macro(Body& body, int line) {
  const bool outer_varargs = in_.saw_varargs, outer_kwargs = in_.saw_kwargs;
  const int outer_loops = loops_;
  in_.saw_varargs = in_.saw_kwargs = false;
  loops_ = 0;
  Macro macro;
  macro.name = in_.expect_name("the name of the macro");
  macro.parameters = parse_parameters();
  macro.body = parse_body({"endmacro"}, line);
  close();
  macro.takes_more_positional = in_.saw_varargs;
  macro.takes_more_named = in_.saw_kwargs;
  in_.saw_varargs = outer_varargs;
  in_.saw_kwargs = outer_kwargs;
  loops_ = outer_loops;
  add(body, line, std::move(macro));
}

void Parser::parse_call_block(Body& body, int line) {
  CallBlock node{{"caller", {}, {}, false, false}, nullptr};
  if (in_.at_symbol("(")) node.caller.parameters = parse_parameters();
  node.call = in_.parse_expression();
  if (!std::holds_alternative<Call>(node.call->node)) in_.error(line, "expected a call of a macro");
  const int outer_loops = loops_;
  loops_ = 0;
  node.caller.body = parse_body({"endcall"}, line);
  loops_ = outer_loops;
  close();
  add(body, line, std::move(node));
}

void Parser::parse_with(Body& body, int line) {
  With node;
  while (in_.current().kind != Kind::block_end) {
    Target target = parse_single_target(false);
    in_.expect_symbol("=");
    node.assignments.emplace_back(std::move(target), in_.parse_expression());
    if (in_.current().kind != Kind::block_end) in_.expect_symbol(",");
  }
  node.body = parse_body({"endwith"}, line);
  close();
  add(body, line, std::move(node));
}

}  // namespace

Body parse(std::string_view source, const std::string& name, const Limits& limits) {
  if (int64_t(source.size()) > limits.template_bytes)
    fail(ErrorKind::bad_file, name, ": a template of ", source.size(),
         " bytes is over the budget of ", limits.template_bytes);
  return Parser(tokenize(source, name), name, limits).run();
}

}  // namespace deepseek::jinja
