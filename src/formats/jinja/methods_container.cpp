// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "formats/jinja/attributes.h"
#include "formats/jinja/methods.h"
#include "formats/jinja/operators.h"

namespace deepseek::jinja {
namespace {

Value count_items(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "count", arguments, {"value"}, 1);
  int64_t found = 0;
  for (const Value& item : self.as_sequence()->items) found += equal(in, item, *given[0]) ? 1 : 0;
  return Value(found);
}

Value index_of(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "index", arguments, {"value"}, 1);
  const auto& items = self.as_sequence()->items;
  for (size_t i = 0; i < items.size(); ++i)
    if (equal(in, items[i], *given[0])) return Value(int64_t(i));
  in.error("index(): the value is not in the list");
}

Value copy(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound none(in, "copy", arguments, {});
  return self;
}

Value get(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "get", arguments, {"key", "default"}, 1);
  require_key(in, *given[0]);
  if (given[0]->as_text() == nullptr) in.count_steps(int64_t(self.as_dict()->entries.size()));
  if (const Value* found = self.as_dict()->find(*given[0])) return *found;
  return given.has(1) ? *given[1] : Value::none();
}

template <Sequence::Kind kind>
Value view(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound none(in, "items", arguments, {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.as_dict()->entries) {
    if (kind == Sequence::Kind::dict_items)
      items.push_back(in.make_sequence(Sequence::Kind::tuple, {key, value}));
    else
      items.push_back(kind == Sequence::Kind::dict_keys ? key : value);
  }
  in.count_steps(int64_t(items.size()));
  return in.make_sequence(kind, std::move(items));
}

Value cycle(Interpreter& in, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) in.error("loop.cycle() needs values");
  const int64_t at = (*self.get<LoopPtr>())->index0;
  return arguments.positional[size_t(at) % arguments.positional.size()];
}

Value changed(Interpreter& in, const Value& self, const Arguments& arguments) {
  Loop& loop = **self.get<LoopPtr>();
  if (loop.is_over) in.error("loop.changed() after the end of the loop");
  const auto& now = arguments.positional;
  bool same = loop.has_changed_before && loop.last_changed.size() == now.size();
  for (size_t i = 0; same && i < now.size(); ++i) same = equal(in, loop.last_changed[i], now[i]);
  loop.has_changed_before = true;
  loop.last_changed = now;
  return Value(!same);
}

constexpr std::array<Method, 3> of_sequence{
    {{"copy", copy}, {"count", count_items}, {"index", index_of}}};
constexpr std::array<Method, 5> of_dict{{{"copy", copy},
                                         {"get", get},
                                         {"items", view<Sequence::Kind::dict_items>},
                                         {"keys", view<Sequence::Kind::dict_keys>},
                                         {"values", view<Sequence::Kind::dict_values>}}};
constexpr std::array<Method, 2> of_loop{{{"changed", changed}, {"cycle", cycle}}};

}  // namespace

std::span<const Method> sequence_methods() { return of_sequence; }
std::span<const Method> dict_methods() { return of_dict; }
std::span<const Method> loop_methods() { return of_loop; }

}  // namespace deepseek::jinja
