// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/filters.h"

#include "core/text.h"
#include "formats/jinja/deeper.h"

namespace deepseek::jinja {

Value Interpreter::filter(std::string_view name, const Value& subject, Arguments& arguments) {
  const Deeper deeper(*this);
  count_steps();
  const std::span<const FilterRow> tables[] = {text_filters(), number_filters(), json_filters(),
                                               sequence_filters(), order_filters()};
  for (const auto table : tables)
    for (const FilterRow& row : table)
      if (row.name == name) return row.run(*this, subject, arguments);
  std::vector<std::string> names;
  for (const auto table : tables)
    for (const FilterRow& row : table) names.emplace_back(row.name);
  const std::string_view near = nearest_name(name, names);
  error("unknown filter '", name, "'", near.empty() ? "" : concat("; did you mean '", near, "'?"));
}

}  // namespace deepseek::jinja
