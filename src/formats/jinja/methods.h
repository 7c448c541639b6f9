// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "formats/jinja/interpreter.h"

namespace deepseek::jinja {

struct Method {
  std::string_view name;
  Value (*run)(Interpreter& in, const Value& self, const Arguments& arguments);
};

std::span<const Method> text_methods();
std::span<const Method> sequence_methods();
std::span<const Method> dict_methods();
std::span<const Method> loop_methods();

}  // namespace deepseek::jinja
