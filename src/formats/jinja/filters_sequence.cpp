// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "formats/jinja/attributes.h"
#include "formats/jinja/filters.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"

namespace deepseek::jinja {
namespace {

using Kind = Sequence::Kind;

Value default_value(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "default", arguments, {"default_value", "boolean"});
  const bool wanting = subject.is<Undefined>() || (given.flag(1, false) && !truthy(subject));
  if (!wanting) return subject;
  return given.has(0) ? *given[0] : Value::string("");
}

Value length_of(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "length", arguments, {});
  return Value(length(in, subject));
}

Value to_list(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "list", arguments, {});
  return in.make_list(iterate(in, subject)->items);
}

Value first(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "first", arguments, {});
  const SequencePtr items = iterate(in, subject);
  return items->items.empty() ? Value::undefined("no first item, the sequence is empty")
                              : items->items.front();
}

Value last(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "last", arguments, {});
  const SequencePtr items = iterate(in, subject);
  return items->items.empty() ? Value::undefined("no last item, the sequence is empty")
                              : items->items.back();
}

Value join(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "join", arguments, {"d", "attribute"});
  const TextPtr by = given.has(0) ? to_text(in, *given[0]) : std::make_shared<const Text>();
  const SequencePtr items = iterate(in, subject);
  TextBuilder out;
  for (size_t i = 0; i < items->items.size(); ++i) {
    const Value& item = items->items[i];
    const TextPtr text = to_text(in, given.is_given(1) ? follow_path(in, item, *given[1]) : item);
    if (i > 0) out.append(*by);
    out.append(*text);
    in.count_bytes(int64_t(by->bytes.size() + text->bytes.size()) + 1);
  }
  return Value::text(out.take());
}

Value reverse(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "reverse", arguments, {});
  if (subject.as_text() != nullptr)
    return slice_items(in, subject, Value::none(), Value::none(), Value(int64_t{-1}));
  std::vector<Value> items = iterate(in, subject)->items;
  std::reverse(items.begin(), items.end());
  return in.make_sequence(Kind::generator, std::move(items));
}

Value items_of(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "items", arguments, {});
  std::vector<Value> items;
  if (subject.is<Undefined>()) return in.make_sequence(Kind::generator, {});
  const Dict* dict = subject.as_dict();
  if (dict == nullptr) in.error("items needs a dict, got ", type_name(subject));
  items.reserve(dict->entries.size());
  for (const auto& [key, value] : dict->entries)
    items.push_back(in.make_sequence(Kind::tuple, {key, value}));
  return in.make_sequence(Kind::generator, std::move(items));
}

Value attribute_of(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "attr", arguments, {"name"}, 1);
  if (given.text(0) == nullptr) in.error("attr needs a name");
  // Jinja's attr never looks at the items of a dict.
  if (subject.as_dict() != nullptr)
    return Value::undefined(concat("'dict' has no attribute '", given.text(0)->bytes, "'"));
  return attribute(in, subject, given.text(0)->bytes);
}

/// The arguments after the first `count` positional ones.
Arguments rest_of(const Arguments& arguments, size_t count) {
  Arguments rest;
  rest.named = arguments.named;
  if (arguments.positional.size() > count)
    rest.positional.assign(arguments.positional.begin() + ptrdiff_t(count),
                           arguments.positional.end());
  return rest;
}

Value map(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const SequencePtr items = iterate(in, subject);
  std::vector<Value> mapped;
  if (arguments.positional.empty()) {
    const Bound given(in, "map", arguments, {"attribute", "default"}, 1);
    for (const Value& item : items->items) {
      Value value = follow_path(in, item, *given[0]);
      if (value.is<Undefined>() && given.has(1)) value = *given[1];
      mapped.push_back(std::move(value));
    }
  } else {
    const Text* name = arguments.positional[0].as_text();
    if (name == nullptr) in.error("map needs the name of a filter");
    for (const Value& item : items->items) {
      Arguments rest = rest_of(arguments, 1);
      mapped.push_back(in.filter(name->bytes, item, rest));
    }
  }
  return in.make_sequence(Kind::generator, std::move(mapped));
}

template <bool keeps, bool by_attribute>
Value choose(Interpreter& in, const Value& subject, const Arguments& arguments) {
  constexpr size_t before = by_attribute ? 1 : 0;
  if (arguments.positional.size() < before) in.error("selectattr needs the name of an attribute");
  const Text* test = nullptr;
  if (arguments.positional.size() > before) {
    test = arguments.positional[before].as_text();
    if (test == nullptr) in.error("select needs the name of a test");
  }
  const SequencePtr items = iterate(in, subject);
  std::vector<Value> chosen;
  for (const Value& item : items->items) {
    in.count_steps();
    const Value value = by_attribute ? follow_path(in, item, arguments.positional[0]) : item;
    Arguments rest = rest_of(arguments, before + 1);
    const bool holds = test == nullptr ? truthy(value) : in.test(test->bytes, value, rest);
    if (holds == keeps) chosen.push_back(item);
  }
  return in.make_sequence(Kind::generator, std::move(chosen));
}

Value batch(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "batch", arguments, {"linecount", "fill_with"}, 1);
  const int64_t size = given.integer(0, 1);
  if (size < 1) in.error("batch(): linecount must be at least 1, got ", size);
  const SequencePtr items = iterate(in, subject);
  std::vector<Value> rows;
  std::vector<Value> row;
  const auto end_row = [&] { rows.push_back(in.make_list(std::exchange(row, {}))); };
  for (const Value& item : items->items) {
    row.push_back(item);
    if (int64_t(row.size()) == size) end_row();
  }
  if (!row.empty()) {
    if (given.is_given(1)) {
      in.count_bytes(size, int64_t(sizeof(Value)));
      row.resize(size_t(size), *given[1]);
    }
    end_row();
  }
  return in.make_sequence(Kind::generator, std::move(rows));
}

Value slice_filter(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "slice", arguments, {"slices", "fill_with"}, 1);
  const int64_t slices = given.integer(0, 1);
  if (slices < 1) in.error("slice(): slices must be at least 1, got ", slices);
  in.count_bytes(slices, 128);
  const SequencePtr all = iterate(in, subject);
  const int64_t count = int64_t(all->items.size());
  const int64_t each = count / slices, longer = count % slices;
  std::vector<Value> columns;
  int64_t at = 0;
  for (int64_t i = 0; i < slices; ++i) {
    const int64_t size = each + (i < longer ? 1 : 0);
    std::vector<Value> column(all->items.begin() + at, all->items.begin() + at + size);
    if (given.is_given(1) && longer > 0 && i >= longer) column.push_back(*given[1]);
    columns.push_back(in.make_list(std::move(column)));
    at += size;
  }
  return in.make_sequence(Kind::generator, std::move(columns));
}

constexpr std::array<FilterRow, 18> sequence_rows{{
    {"default", default_value},
    {"d", default_value},
    {"length", length_of},
    {"count", length_of},
    {"list", to_list},
    {"first", first},
    {"last", last},
    {"join", join},
    {"reverse", reverse},
    {"items", items_of},
    {"attr", attribute_of},
    {"map", map},
    {"select", choose<true, false>},
    {"reject", choose<false, false>},
    {"selectattr", choose<true, true>},
    {"rejectattr", choose<false, true>},
    {"batch", batch},
    {"slice", slice_filter},
}};

}  // namespace

std::span<const FilterRow> sequence_filters() { return sequence_rows; }

}  // namespace deepseek::jinja
