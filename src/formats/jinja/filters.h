// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "formats/jinja/interpreter.h"

namespace deepseek::jinja {

struct FilterRow {
  std::string_view name;
  Value (*run)(Interpreter& in, const Value& subject, const Arguments& arguments);
};

std::span<const FilterRow> text_filters();
std::span<const FilterRow> number_filters();
std::span<const FilterRow> json_filters();
std::span<const FilterRow> sequence_filters();
std::span<const FilterRow> order_filters();

}  // namespace deepseek::jinja
