// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "formats/jinja/text.h"

namespace deepseek::jinja {

class Interpreter;
struct Value;
struct Sequence;
struct Dict;
struct Callable;
struct Namespace;
struct Loop;

/// A name, attribute or item that is not there; `why` is the message when it is used all the same.
struct Undefined {
  std::shared_ptr<const std::string> why;
};
struct None {};
/// An integer past 64 bits, kept as its digits: it can be printed and compared, not computed with.
struct BigInteger {
  std::shared_ptr<const std::string> digits;
};

using SequencePtr = std::shared_ptr<const Sequence>;
using DictPtr = std::shared_ptr<const Dict>;
using CallablePtr = std::shared_ptr<const Callable>;
using LoopPtr = std::shared_ptr<Loop>;

/// A value of the template language, with the meaning it has in Python. Everything but namespaces
/// is immutable and shared.
struct Value {
  using Data = std::variant<Undefined, None, bool, int64_t, double, BigInteger, TextPtr,
                            SequencePtr, DictPtr, CallablePtr, Namespace*, LoopPtr>;
  Data data;

  Value() : data(Undefined{}) {}
  template <class T>
  explicit Value(T v) : data(std::in_place_type<T>, std::move(v)) {}
  static Value none() { return Value(None{}); }
  static Value undefined(std::string why) {
    return Value(Undefined{std::make_shared<const std::string>(std::move(why))});
  }
  static Value text(Text t) { return Value(TextPtr(std::make_shared<const Text>(std::move(t)))); }
  static Value string(std::string s) { return text(Text{std::move(s), {}}); }

  template <class T>
  const T* get() const {
    return std::get_if<T>(&data);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(data);
  }
  /// The text of a string, or null.
  const Text* as_text() const {
    const TextPtr* p = get<TextPtr>();
    return p == nullptr ? nullptr : p->get();
  }
  const Sequence* as_sequence() const {
    const SequencePtr* p = get<SequencePtr>();
    return p == nullptr ? nullptr : p->get();
  }
  const Dict* as_dict() const {
    const DictPtr* p = get<DictPtr>();
    return p == nullptr ? nullptr : p->get();
  }
};

/// Lists and what behaves like one. `depth` counts levels of nesting, so that no walk over a value
/// can run out of stack.
struct Sequence {
  enum class Kind { list, tuple, generator, dict_keys, dict_values, dict_items };
  Kind kind;
  std::vector<Value> items;
  int depth;
  mutable bool consumed = false;  // a generator gives its items once
};

/// Keeps the order of insertion.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  int depth = 1;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Replaces the value of an equal key, else appends.
  void set(Value key, Value value);

 private:
  std::unordered_map<std::string_view, size_t> by_string_;  // views into the entries' own texts
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Callable {
  std::string name;
  std::function<Value(Interpreter&, Arguments&)> run;
  int depth = 1;
};

/// The one mutable value. The interpreter owns them all, so that cycles cost nothing.
struct Namespace {
  Dict attributes;
};

/// What `loop` is inside a for statement.
struct Loop {
  SequencePtr items;
  int64_t index0 = 0;
  int64_t depth0 = 0;  // of recursion
  int depth = 1;       // of nesting of `items`
  std::function<Value(Interpreter&, const Value&)> recurse;
  std::vector<Value> last_changed;
  bool has_changed_before = false;
  bool is_over = false;
};

/// Name of the type as Python says it.
std::string_view type_name(const Value& value);
/// Levels of nesting: 0 for a plain value.
int nesting(const Value& value);
bool truthy(const Value& value);

/// Whether the value is a number that arithmetic takes; bool counts as 0 or 1.
bool is_integer(const Value& value);
bool is_number(const Value& value);
int64_t integer_of(const Value& value);
double number_of(const Value& value);

}  // namespace deepseek::jinja
