// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/attributes.h"
#include "formats/jinja/deeper.h"
#include "formats/jinja/interpreter.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"

namespace deepseek::jinja {

Value Interpreter::evaluate(const Expr& expr) {
  const Deeper deeper(*this);
  count_steps();
  line = expr.line;
  return std::visit([this](const auto& node) { return run(node); }, expr.node);
}

Value Interpreter::lookup(const std::string& name) {
  for (Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    count_lookup(*scope);
    if (const Value* found = scope->find(name)) return *found;
  }
  if (const Value* found = context_.find(std::string_view(name))) return *found;
  if (const Value* found = globals_.find(std::string_view(name))) return *found;
  return Value::undefined("'" + name + "' is undefined");
}

Value Interpreter::run(const ListLiteral& e) {
  std::vector<Value> items;
  items.reserve(e.items.size());
  for (const ExprPtr& item : e.items) items.push_back(evaluate(*item));
  return make_sequence(e.is_tuple ? Sequence::Kind::tuple : Sequence::Kind::list, std::move(items));
}

Value Interpreter::run(const DictLiteral& e) {
  Dict dict;
  for (const auto& [key_expr, value_expr] : e.entries) {
    Value key = evaluate(*key_expr);
    require_key(*this, key);
    if (key.as_text() == nullptr) count_steps(int64_t(dict.entries.size()));
    dict.set(std::move(key), evaluate(*value_expr));
  }
  return make_dict(std::move(dict));
}

Value Interpreter::run(const Attribute& e) { return attribute(*this, evaluate(*e.object), e.name); }

Value Interpreter::run(const Item& e) {
  const Value object = evaluate(*e.object);
  return item(*this, object, evaluate(*e.index));
}

Value Interpreter::run(const Slice& e) {
  const Value object = evaluate(*e.object);
  const auto bound = [&](const ExprPtr& part) { return part ? evaluate(*part) : Value::none(); };
  const Value begin = bound(e.begin), end = bound(e.end), step = bound(e.step);
  return slice_items(*this, object, begin, end, step);
}

Arguments Interpreter::evaluate(const CallArguments& arguments) {
  Arguments values;
  for (const ExprPtr& e : arguments.positional) values.positional.push_back(evaluate(*e));
  for (const auto& [name, e] : arguments.named) values.named.emplace_back(name, evaluate(*e));
  if (arguments.more_positional) {
    const SequencePtr more = iterate(*this, evaluate(*arguments.more_positional));
    count_bytes(int64_t(more->items.size()), int64_t(sizeof(Value)));
    values.positional.insert(values.positional.end(), more->items.begin(), more->items.end());
  }
  if (arguments.more_named) {
    const Value more = evaluate(*arguments.more_named);
    if (more.as_dict() == nullptr) error("'**' needs a dict, got ", type_name(more));
    count_bytes(int64_t(more.as_dict()->entries.size()), int64_t(sizeof(Value)));
    for (const auto& [key, value] : more.as_dict()->entries) {
      if (key.as_text() == nullptr) error("'**' needs a dict with str keys");
      values.named.emplace_back(key.as_text()->bytes, value);
    }
  }
  return values;
}

Value Interpreter::run(const Call& e) {
  const Value callee = evaluate(*e.callee);
  Arguments arguments = evaluate(e.arguments);
  return call(callee, arguments);
}

Value Interpreter::call(const Value& callee, Arguments& arguments) {
  const Deeper deeper(*this);
  const int line_of_call = line;
  Value result;
  if (const CallablePtr* callable = callee.get<CallablePtr>()) {
    result = (*callable)->run(*this, arguments);
  } else if (const LoopPtr* loop = callee.get<LoopPtr>()) {
    if (!(*loop)->recurse) error("loop() needs a for with 'recursive'");
    if (arguments.positional.size() != 1) error("loop() takes one argument");
    result = (*loop)->recurse(*this, arguments.positional[0]);
  } else {
    require_defined(*this, callee);
    error("a value of type ", type_name(callee), " cannot be called");
  }
  line = line_of_call;
  return result;
}

Value Interpreter::run(const Filter& e) {
  const Value subject = e.subject ? evaluate(*e.subject) : block_text_;
  Arguments arguments = evaluate(e.arguments);
  return filter(e.name, subject, arguments);
}

Value Interpreter::run(const Test& e) {
  const Value subject = evaluate(*e.subject);
  Arguments arguments = evaluate(e.arguments);
  return Value(test(e.name, subject, arguments));
}

Value Interpreter::run(const Sign& e) {
  const Value value = evaluate(*e.operand);
  if (e.negative) return negated(*this, value);
  return binary(*this, Operator::add, Value(int64_t{0}), value);
}

Value Interpreter::run(const Binary& e) {
  const Value left = evaluate(*e.left);
  const Value right = evaluate(*e.right);
  return binary(*this, e.op, left, right);
}

Value Interpreter::run(const Compare& e) {
  Value left = evaluate(*e.first);
  for (const auto& [op, right_expr] : e.rest) {
    Value right = evaluate(*right_expr);
    if (!compare(*this, op, left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::run(const Logic& e) {
  Value left = evaluate(*e.left);
  if (truthy(left) != e.is_and) return left;
  return evaluate(*e.right);
}

Value Interpreter::run(const Conditional& e) {
  if (truthy(evaluate(*e.test))) return evaluate(*e.then);
  if (e.otherwise) return evaluate(*e.otherwise);
  return Value::undefined("an inline if without else gave no value");
}

Value Interpreter::run(const Concat& e) {
  TextBuilder out;
  for (const ExprPtr& part : e.parts) {
    const TextPtr text = to_text(*this, evaluate(*part));
    count_bytes(int64_t(text->bytes.size()));
    out.append(*text);
  }
  return Value::text(out.take());
}

}  // namespace deepseek::jinja
