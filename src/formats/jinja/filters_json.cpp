// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "formats/jinja/filters.h"
#include "formats/jinja/json.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/text_operations.h"

namespace deepseek::jinja {
namespace {

// The parameters are those of Hugging Face's tojson, which differs from Jinja's own.
Value to_json(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  require_defined(in, subject);
  JsonStyle style;
  style.ascii_only = given.flag(0, false);
  style.sort_keys = given.flag(3, false);
  if (given.is_given(1)) {
    if (const Text* text = given[1]->as_text())
      style.indent = text->bytes;
    else
      style.indent = pad_text(in, Text{}, given.integer(1, 0), " ", Padding::left).bytes;
    style.item_separator = ",";
  }
  if (given.is_given(2)) {
    const SequencePtr parts = iterate(in, *given[2]);
    if (parts->items.size() != 2 || parts->items[0].as_text() == nullptr ||
        parts->items[1].as_text() == nullptr)
      in.error("tojson(): separators must be two strs");
    style.item_separator = parts->items[0].as_text()->bytes;
    style.key_separator = parts->items[1].as_text()->bytes;
  }
  return in.make_text(dump_json(in, subject, style));
}

Value from_json_text(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "from_json", arguments, {});
  require_defined(in, subject);
  const Text* text = subject.as_text();
  if (text == nullptr) in.error("from_json needs a str, got ", type_name(subject));
  in.count_steps(int64_t(text->bytes.size()) / 16);
  return parse_json(in, text->bytes, !text->content.empty());
}

constexpr std::array<FilterRow, 2> json_rows{{{"tojson", to_json}, {"from_json", from_json_text}}};

}  // namespace

std::span<const FilterRow> json_filters() { return json_rows; }

}  // namespace deepseek::jinja
