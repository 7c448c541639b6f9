// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/interpreter.h"

#include <algorithm>

#include "formats/jinja/deeper.h"
#include "formats/jinja/globals.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"

namespace deepseek::jinja {
namespace {

/// Puts a value back when it goes out of scope.
template <class T>
class Restore {
 public:
  Restore(T& place, T value) : place_(place), before_(std::exchange(place, std::move(value))) {}
  ~Restore() { place_ = std::move(before_); }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  T& place_;
  T before_;
};

/// Ends a loop: what `changed` remembers may hold the loop itself.
struct End {
  Loop& loop;
  ~End() {
    loop.is_over = true;
    loop.last_changed.clear();
  }
};

std::shared_ptr<Scope> inside(const std::shared_ptr<Scope>& outer) {
  return std::make_shared<Scope>(Scope{outer, {}});
}

}  // namespace

Value* Scope::find(std::string_view name) {
  for (auto& [known, value] : variables)
    if (known == name) return &value;
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  if (Value* there = find(name))
    *there = std::move(value);
  else
    variables.emplace_back(name, std::move(value));
}

Interpreter::Interpreter(std::string name, const Limits& limits, std::time_t now)
    : Runtime(std::move(name), limits), now_(now), globals_(make_globals(*this)) {}

Interpreter::~Interpreter() = default;

Text Interpreter::render(const Body& body, Dict context) {
  context_ = std::move(context);
  scope_ = std::make_shared<Scope>();
  TextBuilder out;
  const Restore restore(out_, &out);
  execute(body);
  return out.take();
}

void Interpreter::set_variable(Scope& scope, std::string_view name, Value value) {
  count_lookup(scope);
  scope.set(name, std::move(value));
}

Value Interpreter::make_namespace(Dict attributes) {
  count_bytes(256);
  namespaces_.push_back(std::make_unique<Namespace>(Namespace{std::move(attributes)}));
  return Value(namespaces_.back().get());
}

void Interpreter::print(const Text& text) {
  count_bytes(int64_t(text.bytes.size()));
  if (out_->size_bytes() + int64_t(text.bytes.size()) > limits().output_bytes)
    over_budget("bytes of output", limits().output_bytes);
  out_->append(text);
}

Interpreter::Flow Interpreter::execute(const Body& body) {
  for (const auto& statement : body) {
    const Flow flow = execute(*statement);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const Statement& statement) {
  const Deeper deeper(*this);
  count_steps();
  line = statement.line;
  return std::visit([this](const auto& node) { return run(node); }, statement.node);
}

Interpreter::Flow Interpreter::run(const Data& s) {
  count_bytes(int64_t(s.text.size()));
  if (out_->size_bytes() + int64_t(s.text.size()) > limits().output_bytes)
    over_budget("bytes of output", limits().output_bytes);
  out_->append(s.text);
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const Print& s) {
  print(*to_text(*this, evaluate(*s.value)));
  return Flow::next;
}

void Interpreter::assign(const Target& target, const Value& value) {
  switch (target.kind) {
    case Target::Kind::name:
      set_variable(*scope_, target.name, value);
      return;
    case Target::Kind::attribute: {
      const Value owner = lookup(target.name);
      Namespace* const* space = owner.get<Namespace*>();
      if (space == nullptr)
        error("cannot assign to '", target.name, ".", target.attribute, "': '", target.name,
              "' is not a namespace");
      (*space)->attributes.set(Value::string(target.attribute), value);
      return;
    }
    case Target::Kind::tuple: {
      const SequencePtr items = iterate(*this, value);
      if (items->items.size() != target.parts.size())
        error("expected ", target.parts.size(), " values to unpack, got ", items->items.size());
      for (size_t i = 0; i < target.parts.size(); ++i) assign(target.parts[i], items->items[i]);
      return;
    }
  }
}

Interpreter::Flow Interpreter::run(const Set& s) {
  assign(s.target, evaluate(*s.value));
  return Flow::next;
}

Text Interpreter::capture(const Body& body, const std::shared_ptr<Scope>& outer, Flow* flow) {
  TextBuilder out;
  const Restore restore_out(out_, &out);
  const Restore restore_scope(scope_, inside(outer));
  const Flow ended = execute(body);
  if (flow != nullptr) *flow = ended;
  return out.take();
}

Value Interpreter::filter_block(const ExprPtr& filter, Text text) {
  Value value = make_text(std::move(text));
  if (!filter) return value;
  const Restore restore(block_text_, std::move(value));
  return evaluate(*filter);
}

Interpreter::Flow Interpreter::run(const SetBlock& s) {
  Flow flow = Flow::next;
  Text text = capture(s.body, scope_, &flow);
  assign(s.target, filter_block(s.filter, std::move(text)));
  return flow;
}

Interpreter::Flow Interpreter::run(const FilterBlock& s) {
  Flow flow = Flow::next;
  Text text = capture(s.body, scope_, &flow);
  print(*to_text(*this, filter_block(s.filter, std::move(text))));
  return flow;
}

Interpreter::Flow Interpreter::run(const If& s) {
  for (const auto& [test, body] : s.branches)
    if (truthy(evaluate(*test))) return execute(body);
  return execute(s.otherwise);
}

Interpreter::Flow Interpreter::run(const With& s) {
  const std::shared_ptr<Scope> scope = inside(scope_);
  std::vector<Value> values;
  values.reserve(s.assignments.size());
  for (const auto& [target, value] : s.assignments) values.push_back(evaluate(*value));
  const Restore restore(scope_, scope);
  for (size_t i = 0; i < values.size(); ++i) assign(s.assignments[i].first, values[i]);
  return execute(s.body);
}

Interpreter::Flow Interpreter::run(const Block& s) {
  const Restore restore(scope_, inside(scope_));
  return execute(s.body);
}

SequencePtr Interpreter::loop_items(const For& s, const Value& items) {
  SequencePtr all = iterate(*this, items);
  if (!s.condition) return all;
  std::vector<Value> chosen;
  const Restore restore(scope_, inside(scope_));
  for (const Value& item : all->items) {
    count_steps();
    assign(s.target, item);
    if (truthy(evaluate(*s.condition))) chosen.push_back(item);
  }
  return *make_list(std::move(chosen)).get<SequencePtr>();
}

Interpreter::Flow Interpreter::run(const For& s) {
  run_loop(s, evaluate(*s.items), 0);
  return Flow::next;
}

void Interpreter::run_loop(const For& s, const Value& items, int64_t depth0) {
  const auto loop = std::make_shared<Loop>();
  loop->items = loop_items(s, items);
  loop->depth0 = depth0;
  loop->depth = 1 + loop->items->depth;
  const std::shared_ptr<Scope> outer = scope_;
  if (s.is_recursive)
    loop->recurse = [&s, outer, depth0](Interpreter& in, const Value& deeper_items) {
      TextBuilder out;
      const Restore restore_out(in.out_, &out);
      const Restore restore_scope(in.scope_, outer);
      in.run_loop(s, deeper_items, depth0 + 1);
      return in.make_text(out.take());
    };
  const End end{*loop};
  const Restore restore(scope_, inside(outer));
  const int64_t count = int64_t(loop->items->items.size());
  for (loop->index0 = 0; loop->index0 < count; ++loop->index0) {
    count_steps();
    if (scope_.use_count() > 1)
      scope_ = inside(outer);
    else
      scope_->variables.clear();
    scope_->set("loop", Value(LoopPtr(loop)));
    assign(s.target, loop->items->items[size_t(loop->index0)]);
    if (execute(s.body) == Flow::break_loop) break;
  }
  if (count > 0) return;
  scope_ = inside(outer);
  execute(s.otherwise);
}

Value Interpreter::make_macro(const Macro& macro) {
  if (kept_scopes_.empty() || kept_scopes_.back() != scope_) {
    count_bytes(256);
    kept_scopes_.push_back(scope_);
  }
  // The scope outlives the call through kept_scopes_; owning it here would be a cycle.
  const std::weak_ptr<Scope> scope = scope_;
  return make_callable(macro.name, 1, [&macro, scope](Interpreter& in, Arguments& arguments) {
    return in.call_macro(macro, scope.lock(), arguments);
  });
}

Interpreter::Flow Interpreter::run(const Macro& s) {
  set_variable(*scope_, s.name, make_macro(s));
  return Flow::next;
}

Value Interpreter::call_macro(const Macro& macro, const std::shared_ptr<Scope>& scope,
                              Arguments& arguments) {
  const std::shared_ptr<Scope> own = inside(scope);
  const Restore restore(scope_, own);
  const size_t count = macro.parameters.size();
  std::vector<Value> extra;
  if (arguments.positional.size() > count) {
    if (!macro.takes_more_positional)
      error("macro '", macro.name, "' takes at most ", count, " arguments, got ",
            arguments.positional.size());
    extra.assign(arguments.positional.begin() + ptrdiff_t(count), arguments.positional.end());
  }
  Dict more_named;
  for (auto& [name, value] : arguments.named) {
    count_steps(int64_t(count) / 16);
    const auto found = std::find_if(macro.parameters.begin(), macro.parameters.end(),
                                    [&](const Parameter& p) { return p.name == name; });
    if (found != macro.parameters.end()) {
      if (size_t(found - macro.parameters.begin()) < arguments.positional.size())
        error("macro '", macro.name, "' got two values for '", name, "'");
      set_variable(*own, found->name, value);
    } else if (name == "caller") {
      own->set("caller", value);
    } else if (macro.takes_more_named) {
      more_named.set(make_string(name), value);
    } else {
      error("macro '", macro.name, "' got an unexpected argument '", name, "'");
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const Parameter& parameter = macro.parameters[i];
    if (i < arguments.positional.size())
      set_variable(*own, parameter.name, arguments.positional[i]);
    else if (own->find(parameter.name) == nullptr)
      set_variable(*own, parameter.name,
                   parameter.otherwise
                       ? evaluate(*parameter.otherwise)
                       : Value::undefined("parameter '" + parameter.name + "' was not provided"));
  }
  if (macro.takes_more_positional)
    own->set("varargs", make_sequence(Sequence::Kind::tuple, std::move(extra)));
  if (macro.takes_more_named) own->set("kwargs", make_dict(std::move(more_named)));
  return make_text(capture(macro.body, own));
}

Interpreter::Flow Interpreter::run(const CallBlock& s) {
  const auto& call_node = std::get<Call>(s.call->node);
  const Value callee = evaluate(*call_node.callee);
  Arguments arguments = evaluate(call_node.arguments);
  arguments.named.emplace_back("caller", make_macro(s.caller));
  print(*to_text(*this, call(callee, arguments)));
  return Flow::next;
}

}  // namespace deepseek::jinja
