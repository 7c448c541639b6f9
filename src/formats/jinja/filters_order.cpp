// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "formats/jinja/attributes.h"
#include "formats/jinja/filters.h"
#include "formats/jinja/letters.h"
#include "formats/jinja/operators.h"

namespace deepseek::jinja {
namespace {

/// What an item is ordered by: one attribute or several ("a,b"), strings without their case.
Value key_of(Interpreter& in, const Value& item, const Value* attribute, bool case_sensitive) {
  const auto folded = [&](Value value) {
    const Text* text = value.as_text();
    if (case_sensitive || text == nullptr) return value;
    return in.make_text(with_case(*text, LetterCase::lower));
  };
  if (attribute == nullptr) return folded(item);
  const Text* path = attribute->as_text();
  if (path == nullptr || path->bytes.find(',') == std::string::npos)
    return folded(follow_path(in, item, *attribute));
  std::vector<Value> keys;
  for (size_t begin = 0; begin <= path->bytes.size();) {
    const size_t comma = std::min(path->bytes.find(',', begin), path->bytes.size());
    keys.push_back(
        folded(follow_path(in, item, Value::string(path->bytes.substr(begin, comma - begin)))));
    begin = comma + 1;
  }
  return in.make_list(std::move(keys));
}

std::vector<std::pair<Value, Value>> with_keys(Interpreter& in, const Value& subject,
                                               const Value* attribute, bool case_sensitive) {
  const SequencePtr items = iterate(in, subject);
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : items->items)
    keyed.emplace_back(key_of(in, item, attribute, case_sensitive), item);
  return keyed;
}

/// A stable sort; reversed, equal items keep their order too, as in Python.
Value sorted(Interpreter& in, std::vector<std::pair<Value, Value>> keyed, bool reversed) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reversed ? less(in, b.first, a.first) : less(in, a.first, b.first);
  });
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return in.make_list(std::move(items));
}

const Value* given_or_null(const Bound& given, size_t i) {
  return given.is_given(i) ? given[i] : nullptr;
}

Value sort(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "sort", arguments, {"reverse", "case_sensitive", "attribute"});
  return sorted(in, with_keys(in, subject, given_or_null(given, 2), given.flag(1, false)),
                given.flag(0, false));
}

Value dict_sort(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const Dict* dict = subject.as_dict();
  if (dict == nullptr) in.error("dictsort needs a dict, got ", type_name(subject));
  const std::string by = given.text(1) == nullptr ? "key" : given.text(1)->bytes;
  if (by != "key" && by != "value") in.error("dictsort(): by must be key or value, got ", by);
  std::vector<std::pair<Value, Value>> keyed;
  keyed.reserve(dict->entries.size());
  for (const auto& [key, value] : dict->entries)
    keyed.emplace_back(key_of(in, by == "key" ? key : value, nullptr, given.flag(0, false)),
                       in.make_sequence(Sequence::Kind::tuple, {key, value}));
  return sorted(in, std::move(keyed), given.flag(2, false));
}

template <bool largest>
Value extreme(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, largest ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const auto keyed = with_keys(in, subject, given_or_null(given, 1), given.flag(0, false));
  if (keyed.empty()) return Value::undefined("no extreme item, the sequence is empty");
  const auto* best = &keyed[0];
  for (const auto& candidate : keyed)
    if (largest ? less(in, best->first, candidate.first) : less(in, candidate.first, best->first))
      best = &candidate;
  return best->second;
}

Value sum(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "sum", arguments, {"attribute", "start"});
  const SequencePtr items = iterate(in, subject);
  Value total = given.has(1) ? *given[1] : Value(int64_t{0});
  for (const Value& item : items->items)
    total = binary(in, Operator::add, total,
                   given.is_given(0) ? follow_path(in, item, *given[0]) : item);
  return total;
}

Value unique(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "unique", arguments, {"case_sensitive", "attribute"});
  Dict seen;
  std::vector<Value> items;
  for (auto& [key, item] : with_keys(in, subject, given_or_null(given, 1), given.flag(0, false))) {
    require_key(in, key);
    if (key.as_text() == nullptr) in.count_steps(int64_t(seen.entries.size()));
    if (seen.find(key) != nullptr) continue;
    seen.set(key, Value::none());
    items.push_back(item);
  }
  return in.make_sequence(Sequence::Kind::generator, std::move(items));
}

constexpr std::array<FilterRow, 6> order_rows{{{"sort", sort},
                                               {"dictsort", dict_sort},
                                               {"min", extreme<false>},
                                               {"max", extreme<true>},
                                               {"sum", sum},
                                               {"unique", unique}}};

}  // namespace

std::span<const FilterRow> order_filters() { return order_rows; }

}  // namespace deepseek::jinja
