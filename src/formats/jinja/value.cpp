// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/value.h"

#include <algorithm>

namespace deepseek::jinja {
namespace {

struct TypeName {
  std::string_view operator()(const Undefined&) const { return "Undefined"; }
  std::string_view operator()(const None&) const { return "NoneType"; }
  std::string_view operator()(bool) const { return "bool"; }
  std::string_view operator()(int64_t) const { return "int"; }
  std::string_view operator()(double) const { return "float"; }
  std::string_view operator()(const BigInteger&) const { return "int"; }
  std::string_view operator()(const TextPtr&) const { return "str"; }
  std::string_view operator()(const SequencePtr& s) const {
    switch (s->kind) {
      case Sequence::Kind::list:
        return "list";
      case Sequence::Kind::tuple:
        return "tuple";
      case Sequence::Kind::generator:
        return "generator";
      case Sequence::Kind::dict_keys:
        return "dict_keys";
      case Sequence::Kind::dict_values:
        return "dict_values";
      case Sequence::Kind::dict_items:
        return "dict_items";
    }
    return "list";
  }
  std::string_view operator()(const DictPtr&) const { return "dict"; }
  std::string_view operator()(const CallablePtr&) const { return "function"; }
  std::string_view operator()(Namespace*) const { return "Namespace"; }
  std::string_view operator()(const LoopPtr&) const { return "LoopContext"; }
};

bool same_key(const Value& a, const Value& b) {
  if (const Text* x = a.as_text()) {
    const Text* y = b.as_text();
    return y != nullptr && x->bytes == y->bytes;
  }
  if (is_integer(a) && is_integer(b)) return integer_of(a) == integer_of(b);
  if (is_number(a) && is_number(b)) return number_of(a) == number_of(b);
  if (a.is<None>()) return b.is<None>();
  if (const Sequence* x = a.as_sequence()) {
    const Sequence* y = b.as_sequence();
    return y != nullptr &&
           std::equal(x->items.begin(), x->items.end(), y->items.begin(), y->items.end(), same_key);
  }
  return false;
}

}  // namespace

std::string_view type_name(const Value& value) { return std::visit(TypeName{}, value.data); }

int nesting(const Value& value) {
  if (const Sequence* s = value.as_sequence()) return s->depth;
  if (const Dict* d = value.as_dict()) return d->depth;
  if (const CallablePtr* c = value.get<CallablePtr>()) return (*c)->depth;
  if (const LoopPtr* l = value.get<LoopPtr>()) return (*l)->depth;
  return 0;
}

bool truthy(const Value& value) {
  if (const bool* b = value.get<bool>()) return *b;
  if (const int64_t* i = value.get<int64_t>()) return *i != 0;
  if (const double* d = value.get<double>()) return *d != 0;
  if (const Text* t = value.as_text()) return !t->bytes.empty();
  if (const Sequence* s = value.as_sequence())
    return s->kind == Sequence::Kind::generator || !s->items.empty();
  if (const Dict* d = value.as_dict()) return !d->entries.empty();
  return !value.is<Undefined>() && !value.is<None>();
}

bool is_integer(const Value& value) { return value.is<int64_t>() || value.is<bool>(); }
bool is_number(const Value& value) { return is_integer(value) || value.is<double>(); }

int64_t integer_of(const Value& value) {
  if (const bool* b = value.get<bool>()) return *b ? 1 : 0;
  return *value.get<int64_t>();
}

double number_of(const Value& value) {
  if (const double* d = value.get<double>()) return *d;
  return double(integer_of(value));
}

const Value* Dict::find(std::string_view key) const {
  const auto found = by_string_.find(key);
  return found == by_string_.end() ? nullptr : &entries[found->second].second;
}

const Value* Dict::find(const Value& key) const {
  if (const Text* text = key.as_text()) return find(std::string_view(text->bytes));
  for (const auto& [k, v] : entries)
    if (same_key(k, key)) return &v;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  depth = std::max({depth, 1 + nesting(key), 1 + nesting(value)});
  if (const Value* there = find(key)) {
    *const_cast<Value*>(there) = std::move(value);
    return;
  }
  if (const Text* text = key.as_text()) by_string_.emplace(text->bytes, entries.size());
  entries.emplace_back(std::move(key), std::move(value));
}

}  // namespace deepseek::jinja
