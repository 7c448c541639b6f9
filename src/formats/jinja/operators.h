// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/jinja/ast.h"
#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// left op right as Python computes it; integers have 64 bits and overflow is an error.
Value binary(Runtime& runtime, Operator op, const Value& left, const Value& right);
Value negated(Runtime& runtime, const Value& value);

bool equal(Runtime& runtime, const Value& a, const Value& b);
/// a < b; throws for types without an order between them.
bool less(Runtime& runtime, const Value& a, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);
bool compare(Runtime& runtime, Comparison op, const Value& a, const Value& b);

/// The items of anything that can be looped over; a generator is used up by it.
SequencePtr iterate(Runtime& runtime, const Value& value);
/// len(value); throws for a type without length.
int64_t length(Runtime& runtime, const Value& value);

/// Throws when `value` is undefined, saying why it is.
void require_defined(Runtime& runtime, const Value& value);

}  // namespace deepseek::jinja
