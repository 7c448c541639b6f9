// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/attributes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "formats/jinja/methods.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"

namespace deepseek::jinja {
namespace {

// What would change a list or dict that others may hold; Hugging Face's sandbox refuses the same.
constexpr std::array<std::string_view, 8> list_changers{"append", "clear",  "extend",  "insert",
                                                        "pop",    "remove", "reverse", "sort"};
constexpr std::array<std::string_view, 5> dict_changers{"clear", "pop", "popitem", "setdefault",
                                                        "update"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view object_name(const Value& object) {
  return object.is<None>() ? "None" : type_name(object);
}

std::optional<Value> loop_property(const Loop& loop, std::string_view name) {
  const int64_t count = int64_t(loop.items->items.size());
  const auto neighbour = [&](int64_t at) {
    return at >= 0 && at < count ? loop.items->items[size_t(at)]
                                 : Value::undefined("the loop has no such neighbour");
  };
  if (name == "index") return Value(loop.index0 + 1);
  if (name == "index0") return Value(loop.index0);
  if (name == "revindex") return Value(count - loop.index0);
  if (name == "revindex0") return Value(count - loop.index0 - 1);
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "last") return Value(loop.index0 == count - 1);
  if (name == "length") return Value(count);
  if (name == "depth") return Value(loop.depth0 + 1);
  if (name == "depth0") return Value(loop.depth0);
  if (name == "previtem") return neighbour(loop.index0 - 1);
  if (name == "nextitem") return neighbour(loop.index0 + 1);
  return std::nullopt;
}

std::optional<Value> member(Interpreter& in, const Value& object, std::string_view name) {
  std::span<const Method> methods;
  if (object.as_text() != nullptr) methods = text_methods();
  if (const Sequence* s = object.as_sequence()) {
    if (s->kind == Sequence::Kind::list && is_one_of(list_changers, name))
      return Value::undefined(concat("list.", name, " would change the list; a template may not"));
    if (s->kind == Sequence::Kind::list || s->kind == Sequence::Kind::tuple)
      methods = sequence_methods();
  }
  if (object.as_dict() != nullptr) {
    if (is_one_of(dict_changers, name))
      return Value::undefined(concat("dict.", name, " would change the dict; a template may not"));
    methods = dict_methods();
  }
  if (const LoopPtr* loop = object.get<LoopPtr>()) {
    if (auto property = loop_property(**loop, name)) return property;
    methods = loop_methods();
  }
  for (const Method& method : methods)
    if (method.name == name)
      return in.make_callable(std::string(name), 1 + nesting(object),
                              [object, run = method.run](Interpreter& i, Arguments& arguments) {
                                return run(i, object, arguments);
                              });
  return std::nullopt;
}

std::optional<Value> element(Interpreter& in, const Value& object, const Value& index) {
  if (const Dict* dict = object.as_dict()) {
    if (index.as_text() == nullptr) in.count_steps(int64_t(dict->entries.size()));
    const Value* found = dict->find(index);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  if (!is_integer(index)) return std::nullopt;
  int64_t at = integer_of(index);
  if (const Sequence* s = object.as_sequence()) {
    if (s->kind != Sequence::Kind::list && s->kind != Sequence::Kind::tuple) return std::nullopt;
    const int64_t count = int64_t(s->items.size());
    if (at < 0) at += count;
    if (at < 0 || at >= count) return std::nullopt;
    return s->items[size_t(at)];
  }
  if (const Text* text = object.as_text()) {
    const int64_t count = length(in, object);
    if (at < 0) at += count;
    if (at < 0 || at >= count) return std::nullopt;
    const size_t begin = offset_of_character(text->bytes, at);
    return in.make_text(slice(*text, begin, begin + character_size(text->bytes, begin)));
  }
  return std::nullopt;
}

/// Where a slice of `count` items starts, stops and how it steps, as Python clips it.
struct Steps {
  int64_t begin, end, step;
};

Steps clip(Runtime& runtime, int64_t count, const Value& begin, const Value& end,
           const Value& step) {
  const auto part = [&](const Value& value, int64_t otherwise, int64_t low, int64_t high) {
    if (value.is<None>()) return otherwise;
    if (!is_integer(value)) runtime.error("a slice needs ints, got ", type_name(value));
    const int64_t at = integer_of(value);
    return std::clamp(at < 0 ? std::max<int64_t>(at, -count - 1) + count : at, low, high);
  };
  int64_t stride = 1;
  if (!step.is<None>()) {
    if (!is_integer(step)) runtime.error("a slice needs ints, got ", type_name(step));
    stride = std::clamp<int64_t>(integer_of(step), -INT32_MAX, INT32_MAX);
  }
  if (stride == 0) runtime.error("the step of a slice must not be 0");
  if (stride > 0) return {part(begin, 0, 0, count), part(end, count, 0, count), stride};
  return {part(begin, count - 1, -1, count - 1), part(end, -1, -1, count - 1), stride};
}

Value slice_text(Interpreter& in, const Text& text, const Steps& steps) {
  if (steps.step == 1) {
    const size_t begin = offset_of_character(text.bytes, steps.begin);
    const size_t end = steps.end <= steps.begin
                           ? begin
                           : begin + offset_of_character(std::string_view(text.bytes).substr(begin),
                                                         steps.end - steps.begin);
    return in.make_text(slice(text, begin, end));
  }
  std::vector<size_t> offsets;
  in.count_bytes(int64_t(text.bytes.size()), int64_t(sizeof(size_t)));
  for (size_t at = 0; at < text.bytes.size(); at += character_size(text.bytes, at))
    offsets.push_back(at);
  offsets.push_back(text.bytes.size());
  TextBuilder out;
  for (int64_t at = steps.begin; steps.step > 0 ? at < steps.end : at > steps.end; at += steps.step)
    out.append(text, offsets[size_t(at)], offsets[size_t(at) + 1]);
  return in.make_text(out.take());
}

/// Tuples that share their parts can be exponentially large, and keys are compared part by part.
void require_key_part(Runtime& runtime, const Value& key, int64_t& parts) {
  constexpr int64_t most = 100;
  if (++parts > most) runtime.error("a key of a dict has more than ", most, " parts");
  require_defined(runtime, key);
  const Sequence* s = key.as_sequence();
  const bool is_tuple = s != nullptr && s->kind == Sequence::Kind::tuple;
  if (key.as_text() != nullptr || is_number(key) || key.is<None>()) return;
  if (!is_tuple) runtime.error("a ", type_name(key), " cannot be a key of a dict");
  for (const Value& part : s->items) require_key_part(runtime, part, parts);
}

}  // namespace

void require_key(Runtime& runtime, const Value& key) {
  int64_t parts = 0;
  require_key_part(runtime, key, parts);
}

Value attribute(Interpreter& in, const Value& object, const std::string& name) {
  require_defined(in, object);
  if (Namespace* const* space = object.get<Namespace*>()) {
    if (const Value* found = (*space)->attributes.find(std::string_view(name))) return *found;
  } else if (auto found = member(in, object, name)) {
    return *found;
  } else if (const Dict* dict = object.as_dict()) {
    if (const Value* value = dict->find(std::string_view(name))) return *value;
  }
  return Value::undefined(concat("'", object_name(object), "' has no attribute '", name, "'"));
}

Value item(Interpreter& in, const Value& object, const Value& index) {
  require_defined(in, object);
  if (auto found = element(in, object, index)) return *found;
  if (const Text* name = index.as_text()) {
    if (Namespace* const* space = object.get<Namespace*>()) {
      if (const Value* found = (*space)->attributes.find(std::string_view(name->bytes)))
        return *found;
    } else if (auto found = member(in, object, name->bytes)) {
      return *found;
    }
  }
  std::string shown = repr(in, index).bytes;
  if (shown.size() > 100) shown = concat("a ", type_name(index));
  return Value::undefined(concat("'", object_name(object), "' has no item ", shown));
}

Value slice_items(Interpreter& in, const Value& object, const Value& begin, const Value& end,
                  const Value& step) {
  require_defined(in, object);
  if (const Text* text = object.as_text())
    return slice_text(in, *text, clip(in, length(in, object), begin, end, step));
  const Sequence* sequence = object.as_sequence();
  if (sequence == nullptr ||
      (sequence->kind != Sequence::Kind::list && sequence->kind != Sequence::Kind::tuple))
    return Value::undefined(concat("a ", type_name(object), " cannot be sliced"));
  const Steps steps = clip(in, int64_t(sequence->items.size()), begin, end, step);
  std::vector<Value> items;
  for (int64_t at = steps.begin; steps.step > 0 ? at < steps.end : at > steps.end; at += steps.step)
    items.push_back(sequence->items[size_t(at)]);
  in.count_steps(int64_t(items.size()));
  return in.make_sequence(sequence->kind, std::move(items));
}

Value follow_path(Interpreter& in, Value object, const Value& path) {
  if (path.as_text() == nullptr) return item(in, object, path);
  std::string_view rest = path.as_text()->bytes;
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = problem == std::errc() && end == part.data() + part.size() && index >= 0;
    in.count_steps();
    object = item(in, object, is_index ? Value(index) : Value::string(std::string(part)));
    if (dot == std::string_view::npos) return object;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace deepseek::jinja
