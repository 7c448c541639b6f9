// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/runtime.h"

#include <algorithm>

namespace deepseek::jinja {

void Runtime::count_bytes(int64_t n, int64_t size) {
  if (n <= 0 || size <= 0) return;
  if (n > limits_.made_bytes / size) over_budget("bytes made", limits_.made_bytes);
  count_bytes(n * size);
}

std::string Runtime::where() const {
  return line == 0 ? name_ + ": " : concat(name_, ":", line, ": ");
}

void Runtime::over_budget(std::string_view what, int64_t limit) const {
  fail(ErrorKind::bad_file, where(), "the template is over its budget of ", limit, " ", what,
       "; check it for endless loops or nesting");
}

void Runtime::check_depth(int depth) const {
  if (depth > limits_.value_depth) over_budget("levels of nested values", limits_.value_depth);
}

Value Runtime::make_sequence(Sequence::Kind kind, std::vector<Value> items) {
  count_bytes(int64_t(items.size()), int64_t(sizeof(Value)));
  int depth = 1;
  for (const Value& item : items) depth = std::max(depth, 1 + nesting(item));
  check_depth(depth);
  return Value(
      SequencePtr(std::make_shared<const Sequence>(Sequence{kind, std::move(items), depth})));
}

Value Runtime::make_dict(Dict dict) {
  count_bytes(int64_t(dict.entries.size()), 4 * int64_t(sizeof(Value)));
  check_depth(dict.depth);
  return Value(DictPtr(std::make_shared<const Dict>(std::move(dict))));
}

Value Runtime::make_callable(std::string name, int depth,
                             std::function<Value(Interpreter&, Arguments&)> run) {
  count_bytes(128);
  check_depth(depth);
  return Value(CallablePtr(
      std::make_shared<const Callable>(Callable{std::move(name), std::move(run), depth})));
}

Value Runtime::make_text(Text text) {
  constexpr size_t handle_bytes = 32;
  count_bytes(int64_t(text.bytes.size() + text.content.size() * sizeof(Span) + sizeof(Text) +
                      handle_bytes));
  return Value::text(std::move(text));
}

Bound::Bound(const Runtime& runtime, std::string_view function, const Arguments& arguments,
             std::initializer_list<std::string_view> parameters, size_t required)
    : runtime_(runtime),
      function_(function),
      parameters_(parameters),
      values_(parameters.size(), nullptr) {
  if (arguments.positional.size() > parameters_.size())
    runtime.error(function, "() takes at most ", parameters_.size(), " arguments, got ",
                  arguments.positional.size());
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(parameters_.begin(), parameters_.end(), name);
    if (found == parameters_.end())
      runtime.error(function, "() got an unexpected argument '", name, "'");
    const Value*& slot = values_[size_t(found - parameters_.begin())];
    if (slot != nullptr) runtime.error(function, "() got two values for '", name, "'");
    slot = &value;
  }
  for (size_t i = 0; i < required; ++i)
    if (values_[i] == nullptr)
      runtime.error(function, "() needs the argument '", parameters_[i], "'");
}

void Bound::wrong_type(size_t i, std::string_view expected) const {
  runtime_.error(function_, "(): ", parameters_[i], " must be ", expected, ", got ",
                 type_name(*values_[i]));
}

int64_t Bound::integer(size_t i, int64_t otherwise) const {
  if (!has(i)) return otherwise;
  if (!is_integer(*values_[i])) wrong_type(i, "an int");
  return integer_of(*values_[i]);
}

bool Bound::flag(size_t i, bool otherwise) const {
  return has(i) ? truthy(*values_[i]) : otherwise;
}

const Text* Bound::text(size_t i) const {
  if (!is_given(i)) return nullptr;
  const Text* text = values_[i]->as_text();
  if (text == nullptr) wrong_type(i, "a str");
  return text;
}

}  // namespace deepseek::jinja
