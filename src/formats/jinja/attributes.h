// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/jinja/interpreter.h"

namespace deepseek::jinja {

/// object.name: a method or property first, then an item of that name, else undefined.
Value attribute(Interpreter& in, const Value& object, const std::string& name);

/// object[index]: an item first, then a method or property, else undefined.
Value item(Interpreter& in, const Value& object, const Value& index);

/// object[begin:end:step]; none stands for a part left out.
Value slice_items(Interpreter& in, const Value& object, const Value& begin, const Value& end,
                  const Value& step);

/// Follows "a.b.0" through `object`, as the attribute argument of filters does.
Value follow_path(Interpreter& in, Value object, const Value& path);

/// Throws unless `key` can be a key of a dict: of tuples, nested ones too, 100 parts in all.
void require_key(Runtime& runtime, const Value& key);

}  // namespace deepseek::jinja
