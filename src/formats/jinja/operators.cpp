// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "formats/jinja/format.h"

namespace deepseek::jinja {
namespace {

[[noreturn]] void overflow(Runtime& runtime) {
  runtime.error("an integer left the range of 64 bits");
}

Value repeat(Runtime& runtime, const Value& value, int64_t times) {
  times = std::max<int64_t>(times, 0);
  if (const Text* text = value.as_text()) {
    runtime.count_bytes(times, int64_t(text->bytes.size()) + 1);
    TextBuilder out;
    for (int64_t i = 0; i < times; ++i) out.append(*text);
    return Value::text(out.take());
  }
  const Sequence& sequence = *value.as_sequence();
  runtime.count_bytes(times, int64_t(sequence.items.size() * sizeof(Value)) + 1);
  std::vector<Value> items;
  for (int64_t i = 0; i < times; ++i)
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  return runtime.make_sequence(sequence.kind, std::move(items));
}

bool can_repeat(const Value& value) {
  const Sequence* s = value.as_sequence();
  return value.as_text() != nullptr ||
         (s != nullptr && (s->kind == Sequence::Kind::list || s->kind == Sequence::Kind::tuple));
}

int64_t integer_power(Runtime& runtime, int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) overflow(runtime);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) overflow(runtime);
  }
  return result;
}

Value integers(Runtime& runtime, Operator op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  switch (op) {
    case Operator::add:
      overflows = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::subtract:
      overflows = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::multiply:
      overflows = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::divide:
      if (b == 0) runtime.error("division by zero");
      return Value(double(a) / double(b));
    case Operator::floor_divide:
    case Operator::modulo: {
      if (b == 0) runtime.error("division by zero");
      if (b == -1) return op == Operator::modulo ? Value(int64_t{0}) : negated(runtime, Value(a));
      const int64_t remainder = a % b;
      const bool crosses = remainder != 0 && (remainder < 0) != (b < 0);
      if (op == Operator::modulo) return Value(crosses ? remainder + b : remainder);
      return Value(crosses ? a / b - 1 : a / b);
    }
    case Operator::power:
      if (b < 0) {
        if (a == 0) runtime.error("zero to a negative power");
        return Value(std::pow(double(a), double(b)));
      }
      return Value(integer_power(runtime, a, b));
  }
  if (overflows) overflow(runtime);
  return Value(result);
}

Value floats(Runtime& runtime, Operator op, double a, double b) {
  switch (op) {
    case Operator::add:
      return Value(a + b);
    case Operator::subtract:
      return Value(a - b);
    case Operator::multiply:
      return Value(a * b);
    case Operator::power:
      if (a == 0 && b < 0) runtime.error("zero to a negative power");
      return Value(std::pow(a, b));
    default:
      break;
  }
  if (b == 0) runtime.error("division by zero");
  if (op == Operator::divide) return Value(a / b);
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  if (op == Operator::modulo) return Value(remainder == 0 ? std::copysign(0.0, b) : remainder);
  const double quotient = (a - remainder) / b, floor = std::floor(quotient);
  return Value(quotient - floor > 0.5 ? floor + 1 : floor);
}

std::string_view symbol_of(Operator op) {
  switch (op) {
    case Operator::add:
      return "+";
    case Operator::subtract:
      return "-";
    case Operator::multiply:
      return "*";
    case Operator::divide:
      return "/";
    case Operator::floor_divide:
      return "//";
    case Operator::modulo:
      return "%";
    case Operator::power:
      return "**";
  }
  return "?";
}

Value add_texts(Runtime& runtime, const Text& a, const Text& b) {
  TextBuilder out;
  out.append(a);
  out.append(b);
  return runtime.make_text(out.take());
}

bool equal_items(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!equal(runtime, a[i], b[i])) return false;
  return true;
}

bool equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    if (key.as_text() == nullptr) runtime.count_steps(int64_t(b.entries.size()));
    const Value* other = b.find(key);
    if (other == nullptr || !equal(runtime, value, *other)) return false;
  }
  return true;
}

}  // namespace

void require_defined(Runtime& runtime, const Value& value) {
  const Undefined* undefined = value.get<Undefined>();
  if (undefined == nullptr) return;
  runtime.error(undefined->why ? *undefined->why : "the value is undefined");
}

Value negated(Runtime& runtime, const Value& value) {
  require_defined(runtime, value);
  if (const double* d = value.get<double>()) return Value(-*d);
  if (!is_integer(value)) runtime.error("cannot negate a value of type ", type_name(value));
  return integers(runtime, Operator::subtract, 0, integer_of(value));
}

Value binary(Runtime& runtime, Operator op, const Value& left, const Value& right) {
  if (op == Operator::modulo && left.as_text() != nullptr)
    return runtime.make_text(format_percent(runtime, *left.as_text(), right));
  require_defined(runtime, left);
  require_defined(runtime, right);
  if (is_integer(left) && is_integer(right))
    return integers(runtime, op, integer_of(left), integer_of(right));
  if (is_number(left) && is_number(right))
    return floats(runtime, op, number_of(left), number_of(right));
  if (op == Operator::add) {
    const Text *a = left.as_text(), *b = right.as_text();
    if (a != nullptr && b != nullptr) return add_texts(runtime, *a, *b);
    const Sequence *s = left.as_sequence(), *t = right.as_sequence();
    if (s != nullptr && t != nullptr && s->kind == t->kind && can_repeat(left)) {
      std::vector<Value> items = s->items;
      items.insert(items.end(), t->items.begin(), t->items.end());
      return runtime.make_sequence(s->kind, std::move(items));
    }
  }
  if (op == Operator::multiply) {
    if (can_repeat(left) && is_integer(right)) return repeat(runtime, left, integer_of(right));
    if (can_repeat(right) && is_integer(left)) return repeat(runtime, right, integer_of(left));
  }
  runtime.error("cannot compute ", type_name(left), " ", symbol_of(op), " ", type_name(right));
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.count_steps();
  if (const Text* x = a.as_text()) {
    const Text* y = b.as_text();
    if (y == nullptr || x->bytes.size() != y->bytes.size()) return false;
    runtime.count_steps(int64_t(x->bytes.size()) / 256);
    return x->bytes == y->bytes;
  }
  if (is_integer(a) && is_integer(b)) return integer_of(a) == integer_of(b);
  if (is_number(a) && is_number(b)) return number_of(a) == number_of(b);
  if (a.data.index() != b.data.index()) return false;
  if (const Sequence* x = a.as_sequence()) {
    const Sequence* y = b.as_sequence();
    return x == y || (x->kind == y->kind && equal_items(runtime, x->items, y->items));
  }
  if (const Dict* x = a.as_dict())
    return x == b.as_dict() || equal_dicts(runtime, *x, *b.as_dict());
  if (const BigInteger* x = a.get<BigInteger>()) return *x->digits == *b.get<BigInteger>()->digits;
  if (const CallablePtr* x = a.get<CallablePtr>()) return *x == *b.get<CallablePtr>();
  if (const auto* x = a.get<Namespace*>()) return *x == *b.get<Namespace*>();
  if (const LoopPtr* x = a.get<LoopPtr>()) return *x == *b.get<LoopPtr>();
  return true;
}

bool less(Runtime& runtime, const Value& a, const Value& b) {
  runtime.count_steps();
  require_defined(runtime, a);
  require_defined(runtime, b);
  if (is_integer(a) && is_integer(b)) return integer_of(a) < integer_of(b);
  if (is_number(a) && is_number(b)) return number_of(a) < number_of(b);
  const Text *x = a.as_text(), *y = b.as_text();
  if (x != nullptr && y != nullptr) {
    runtime.count_steps(int64_t(std::min(x->bytes.size(), y->bytes.size())) / 256);
    return x->bytes < y->bytes;  // UTF-8 sorts as its code points do
  }
  const Sequence *s = a.as_sequence(), *t = b.as_sequence();
  if (s != nullptr && t != nullptr && s->kind == t->kind && can_repeat(a)) {
    for (size_t i = 0; i < std::min(s->items.size(), t->items.size()); ++i)
      if (!equal(runtime, s->items[i], t->items[i])) return less(runtime, s->items[i], t->items[i]);
    return s->items.size() < t->items.size();
  }
  runtime.error("cannot order ", type_name(a), " and ", type_name(b));
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  if (const Text* text = container.as_text()) {
    const Text* part = item.as_text();
    if (part == nullptr) {
      require_defined(runtime, item);
      runtime.error("'in' a str needs a str, got ", type_name(item));
    }
    runtime.count_steps(int64_t(text->bytes.size()) / 256);
    return find_bytes(text->bytes, part->bytes, 0) != std::string::npos;
  }
  if (const Dict* dict = container.as_dict()) {
    if (item.as_text() == nullptr) runtime.count_steps(int64_t(dict->entries.size()));
    return dict->find(item) != nullptr;
  }
  const SequencePtr items = iterate(runtime, container);
  return std::any_of(items->items.begin(), items->items.end(),
                     [&](const Value& v) { return equal(runtime, v, item); });
}

bool compare(Runtime& runtime, Comparison op, const Value& a, const Value& b) {
  switch (op) {
    case Comparison::equal:
      return equal(runtime, a, b);
    case Comparison::not_equal:
      return !equal(runtime, a, b);
    case Comparison::less:
      return less(runtime, a, b);
    case Comparison::less_equal:
      return less(runtime, a, b) || equal(runtime, a, b);
    case Comparison::greater:
      return less(runtime, b, a);
    case Comparison::greater_equal:
      return less(runtime, b, a) || equal(runtime, a, b);
    case Comparison::in:
      return contains(runtime, b, a);
    case Comparison::not_in:
      return !contains(runtime, b, a);
  }
  return false;
}

SequencePtr iterate(Runtime& runtime, const Value& value) {
  static const SequencePtr nothing =
      std::make_shared<const Sequence>(Sequence{Sequence::Kind::list, {}, 1});
  if (const SequencePtr* s = value.get<SequencePtr>()) {
    if ((*s)->kind != Sequence::Kind::generator) return *s;
    return std::exchange((*s)->consumed, true) ? nothing : *s;
  }
  if (value.is<Undefined>()) return nothing;
  std::vector<Value> items;
  if (const Dict* dict = value.as_dict()) {
    for (const auto& [key, v] : dict->entries) items.push_back(key);
  } else if (const Text* text = value.as_text()) {
    runtime.count_bytes(int64_t(text->bytes.size()), 128);
    for (size_t at = 0; at < text->bytes.size();) {
      const size_t size = character_size(text->bytes, at);
      items.push_back(Value::text(slice(*text, at, at + size)));
      at += size;
    }
  } else if (const LoopPtr* loop = value.get<LoopPtr>()) {
    return (*loop)->items;
  } else {
    runtime.error("a value of type ", type_name(value), " cannot be looped over");
  }
  runtime.count_steps(int64_t(items.size()));
  return *runtime.make_list(std::move(items)).get<SequencePtr>();
}

int64_t length(Runtime& runtime, const Value& value) {
  if (const Text* text = value.as_text()) {
    runtime.count_steps(int64_t(text->bytes.size()) / 256);
    return count_characters(text->bytes);
  }
  if (const Dict* dict = value.as_dict()) return int64_t(dict->entries.size());
  const Sequence* sequence = value.as_sequence();
  if (sequence != nullptr && sequence->kind != Sequence::Kind::generator)
    return int64_t(sequence->items.size());
  if (value.is<Undefined>()) return 0;
  runtime.error("a value of type ", type_name(value), " has no length");
}

}  // namespace deepseek::jinja
