// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "formats/jinja/value.h"

namespace deepseek::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<const Expr>;

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListLiteral {  // [a, b] or (a, b)
  std::vector<ExprPtr> items;
  bool is_tuple;
};
struct DictLiteral {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
struct Attribute {  // object.name
  ExprPtr object;
  std::string name;
};
struct Item {  // object[index]
  ExprPtr object, index;
};
struct Slice {  // object[begin:end:step], each part may be null
  ExprPtr object, begin, end, step;
};
struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr more_positional, more_named;  // *a and **b, or null
};
struct Call {
  ExprPtr callee;
  CallArguments arguments;
};
struct Filter {     // subject | name(arguments)
  ExprPtr subject;  // null: the text of the enclosing block
  std::string name;
  CallArguments arguments;
};
struct Test {  // subject is name(arguments)
  ExprPtr subject;
  std::string name;
  CallArguments arguments;
};
struct Not {
  ExprPtr operand;
};
struct Sign {
  ExprPtr operand;
  bool negative;
};
enum class Operator { add, subtract, multiply, divide, floor_divide, modulo, power };
struct Binary {
  Operator op;
  ExprPtr left, right;
};
enum class Comparison { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
struct Compare {  // a < b < c as Python chains it
  ExprPtr first;
  std::vector<std::pair<Comparison, ExprPtr>> rest;
};
struct Logic {  // left and right, left or right
  bool is_and;
  ExprPtr left, right;
};
struct Conditional {  // then if test else otherwise; `otherwise` may be null
  ExprPtr test, then, otherwise;
};
struct Concat {  // a ~ b ~ c
  std::vector<ExprPtr> parts;
};

using ExprNode = std::variant<Literal, Name, ListLiteral, DictLiteral, Attribute, Item, Slice, Call,
                              Filter, Test, Not, Sign, Binary, Compare, Logic, Conditional, Concat>;

struct Expr {
  int line;
  int depth;  // levels of nodes, this one included
  ExprNode node;
};

/// Levels of nodes a new node would have.
int depth_of(const ExprNode& node);

/// What a value is assigned to.
struct Target {
  enum class Kind { name, attribute, tuple };
  Kind kind = Kind::name;
  std::string name, attribute;  // name.attribute of a namespace
  std::vector<Target> parts;
};

struct Statement;
using Body = std::vector<std::unique_ptr<const Statement>>;

struct Data {
  std::string text;
};
struct Print {
  ExprPtr value;
};
struct Set {
  Target target;
  ExprPtr value;
};
struct SetBlock {  // {% set x | filter %}…{% endset %}
  Target target;
  ExprPtr filter;  // over the block's text, or null
  Body body;
};
struct FilterBlock {
  ExprPtr filter;
  Body body;
};
struct For {
  Target target;
  ExprPtr items, condition;  // condition may be null
  Body body, otherwise;
  bool is_recursive;
};
struct If {
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};
struct Parameter {
  std::string name;
  ExprPtr otherwise;  // may be null
};
struct Macro {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  bool takes_more_positional, takes_more_named;  // whether the body says varargs, kwargs
};
struct CallBlock {  // {% call(…) macro(…) %}…{% endcall %}
  Macro caller;
  ExprPtr call;
};
struct With {
  std::vector<std::pair<Target, ExprPtr>> assignments;
  Body body;
};
struct Block {  // {% generation %}…: a body with a scope of its own
  Body body;
};
struct Break {};
struct Continue {};

struct Statement {
  int line;
  std::variant<Data, Print, Set, SetBlock, FilterBlock, For, If, Macro, CallBlock, With, Block,
               Break, Continue>
      node;
};

}  // namespace deepseek::jinja
