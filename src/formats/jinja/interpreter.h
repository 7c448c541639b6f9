// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/jinja/ast.h"
#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// The names assigned in one body; those of enclosing bodies are seen through `parent`. Views are
/// of names in the syntax tree.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> variables;

  Value* find(std::string_view name);
  void set(std::string_view name, Value value);
};

/// Runs a template's statements over a context. One interpreter renders once.
class Interpreter : public Runtime {
 public:
  /// `now` is what strftime_now prints, in local time.
  Interpreter(std::string name, const Limits& limits, std::time_t now);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Text render(const Body& body, Dict context);

  Value call(const Value& callee, Arguments& arguments);
  /// The filter `name`; throws when there is none.
  Value filter(std::string_view name, const Value& subject, Arguments& arguments);
  bool test(std::string_view name, const Value& subject, Arguments& arguments);
  Value make_namespace(Dict attributes);
  std::time_t now() const { return now_; }

 private:
  enum class Flow { next, break_loop, continue_loop };
  class Deeper;

  Value evaluate(const Expr& expr);
  Value run(const Literal& e) { return e.value; }
  Value run(const Name& e) { return lookup(e.name); }
  Value run(const ListLiteral& e);
  Value run(const DictLiteral& e);
  Value run(const Attribute& e);
  Value run(const Item& e);
  Value run(const Slice& e);
  Value run(const Call& e);
  Value run(const Filter& e);
  Value run(const Test& e);
  Value run(const Not& e) { return Value(!truthy(evaluate(*e.operand))); }
  Value run(const Sign& e);
  Value run(const Binary& e);
  Value run(const Compare& e);
  Value run(const Logic& e);
  Value run(const Conditional& e);
  Value run(const Concat& e);

  Flow execute(const Body& body);
  Flow execute(const Statement& statement);
  Flow run(const Data& s);
  Flow run(const Print& s);
  Flow run(const Set& s);
  Flow run(const SetBlock& s);
  Flow run(const FilterBlock& s);
  Flow run(const For& s);
  Flow run(const If& s);
  Flow run(const Macro& s);
  Flow run(const CallBlock& s);
  Flow run(const With& s);
  Flow run(const Block& s);
  Flow run(const Break&) { return Flow::break_loop; }
  Flow run(const Continue&) { return Flow::continue_loop; }

  Value lookup(const std::string& name);
  /// Sets a variable and counts the search for its name.
  void set_variable(Scope& scope, std::string_view name, Value value);
  void count_lookup(const Scope& scope) { count_steps(int64_t(scope.variables.size()) / 16); }
  Arguments evaluate(const CallArguments& arguments);
  void assign(const Target& target, const Value& value);
  void run_loop(const For& s, const Value& items, int64_t depth0);
  SequencePtr loop_items(const For& s, const Value& items);
  Value make_macro(const Macro& macro);
  Value call_macro(const Macro& macro, const std::shared_ptr<Scope>& scope, Arguments& arguments);
  void print(const Text& text);
  /// The text that a body prints, in a new scope inside `outer`.
  Text capture(const Body& body, const std::shared_ptr<Scope>& outer, Flow* flow = nullptr);
  Value filter_block(const ExprPtr& filter, Text text);
  void define_globals();

  std::time_t now_;
  Dict context_, globals_;
  std::shared_ptr<Scope> scope_;
  std::vector<std::shared_ptr<Scope>> kept_scopes_;  // those that macros refer to
  std::vector<std::unique_ptr<Namespace>> namespaces_;
  TextBuilder* out_ = nullptr;
  Value block_text_;  // what the filters of a block start from
  int64_t depth_ = 0;
};

}  // namespace deepseek::jinja
