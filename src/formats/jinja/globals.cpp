// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/globals.h"

#include <array>
#include <ctime>

#include "formats/jinja/attributes.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"

namespace deepseek::jinja {
namespace {

Value range(Interpreter& in, Arguments& arguments) {
  const Bound given(in, "range", arguments, {"start", "stop", "step"}, 1);
  const bool one = !given.has(1);
  const int64_t start = one ? 0 : given.integer(0, 0);
  const int64_t stop = given.integer(one ? 0 : 1, 0);
  const int64_t step = given.integer(2, 1);
  if (step == 0) in.error("range(): step must not be 0");
  std::vector<Value> items;
  for (int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (int64_t(items.size()) >= in.limits().range_items)
      in.over_budget("items in a range", in.limits().range_items);
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  in.count_steps(int64_t(items.size()));
  return in.make_list(std::move(items));
}

/// The entries that dict(…) and namespace(…) are made of.
Dict entries_of(Interpreter& in, std::string_view function, const Arguments& arguments) {
  if (arguments.positional.size() > 1) in.error(function, "() takes at most one positional value");
  Dict dict;
  for (const Value& value : arguments.positional) {
    if (const Dict* other = value.as_dict()) {
      in.count_bytes(int64_t(other->entries.size()), 4 * int64_t(sizeof(Value)));
      dict = *other;
      continue;
    }
    const SequencePtr pairs = iterate(in, value);
    for (const Value& pair : pairs->items) {
      const SequencePtr parts = iterate(in, pair);
      if (parts->items.size() != 2)
        in.error(function, "() needs pairs, got ", parts->items.size(), " values");
      require_key(in, parts->items[0]);
      in.count_steps(int64_t(dict.entries.size()) / 16 + 1);
      dict.set(parts->items[0], parts->items[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(in.make_string(name), value);
  return dict;
}

Value make_dict_of(Interpreter& in, Arguments& arguments) {
  return in.make_dict(entries_of(in, "dict", arguments));
}

Value make_namespace(Interpreter& in, Arguments& arguments) {
  return in.make_namespace(entries_of(in, "namespace", arguments));
}

Value joiner(Interpreter& in, Arguments& arguments) {
  const Bound given(in, "joiner", arguments, {"sep"});
  const Value separator = given.has(0) ? *given[0] : Value::string(", ");
  const auto used = std::make_shared<bool>(false);
  return in.make_callable("joiner", 1 + nesting(separator),
                          [separator, used](Interpreter&, Arguments&) {
                            return std::exchange(*used, true) ? separator : Value::string("");
                          });
}

Value raise_exception(Interpreter& in, Arguments& arguments) {
  const Bound given(in, "raise_exception", arguments, {"message"}, 1);
  in.error("the template refuses: ", to_text(in, *given[0])->bytes);
}

Value strftime_now(Interpreter& in, Arguments& arguments) {
  const Bound given(in, "strftime_now", arguments, {"format"}, 1);
  const Text* format = given.text(0);
  if (format == nullptr || format->bytes.size() > 1000)
    in.error("strftime_now(): format must be a str of at most 1000 bytes");
  const std::time_t now = in.now();
  std::tm local{};
  localtime_r(&now, &local);
  // A leading character tells an empty result from a failure.
  const std::string marked = "x" + format->bytes;
  std::string out(marked.size() * 128, '\0');
  const size_t size = std::strftime(out.data(), out.size(), marked.c_str(), &local);
  if (size == 0) in.error("strftime_now(): unusable format");
  return in.make_string(out.substr(1, size - 1));
}

struct Global {
  const char* name;
  Value (*run)(Interpreter&, Arguments&);
};
constexpr std::array<Global, 6> globals{{
    {"range", range},
    {"dict", make_dict_of},
    {"namespace", make_namespace},
    {"joiner", joiner},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
}};

}  // namespace

Dict make_globals(Runtime& runtime) {
  Dict dict;
  for (const Global& global : globals)
    dict.set(Value::string(global.name), runtime.make_callable(global.name, 1, global.run));
  return dict;
}

}  // namespace deepseek::jinja
