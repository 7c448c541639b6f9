// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "core/utf8.h"
#include "formats/jinja/filters.h"
#include "formats/jinja/format.h"
#include "formats/jinja/letters.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"
#include "formats/jinja/text_operations.h"

namespace deepseek::jinja {
namespace {

template <LetterCase to>
Value change_case(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "case filter", arguments, {});
  return in.make_text(with_case(*to_text(in, subject), to));
}

// A word begins at the start and after white space, -, (, {, [ and <.
Value title(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "title", arguments, {});
  const TextPtr text = to_text(in, subject);
  const std::string& bytes = text->bytes;
  TextBuilder out;
  const auto separates = [&](size_t at) {
    return std::string_view("-({[<").find(bytes[at]) != std::string_view::npos ||
           is_space(read_utf8(std::string_view(bytes).substr(at)).code_point);
  };
  for (size_t at = 0; at < bytes.size();) {
    size_t end = at;
    while (end < bytes.size() && !separates(end)) end += character_size(bytes, end);
    out.append(with_case(slice(*text, at, end), LetterCase::capital));
    at = end;
    while (end < bytes.size() && separates(end)) end += character_size(bytes, end);
    out.append(*text, at, end);
    at = end;
  }
  return in.make_text(out.take());
}

Value trim_filter(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "trim", arguments, {"chars"});
  const Text* chars = given.text(0);
  const TextPtr text = to_text(in, subject);
  if (chars != nullptr) in.count_search(text->bytes, chars->bytes);
  const Trimmed left = trim(text->bytes, Sides::both, chars == nullptr ? nullptr : &chars->bytes);
  return in.make_text(slice(*text, left.begin, left.end));
}

Value replace(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "replace", arguments, {"old", "new", "count"}, 2);
  const int64_t most = given.is_given(2) ? given.integer(2, -1) : -1;
  return in.make_text(replace_text(in, *to_text(in, subject), *to_text(in, *given[0]),
                                   *to_text(in, *given[1]), most));
}

Value indent(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "indent", arguments, {"width", "first", "blank"});
  Text margin;
  if (given.has(0) && given[0]->as_text() != nullptr)
    margin = *given.text(0);
  else
    margin = pad_text(in, Text{}, given.integer(0, 4), " ", Padding::left);
  const bool first = given.flag(1, false), blank = given.flag(2, false);
  Text text = *to_text(in, subject);
  text.bytes += '\n';  // so that a newline at the end keeps its line, as Jinja's filter does
  const SequencePtr lines = *lines_of(in, text, false).get<SequencePtr>();
  TextBuilder out;
  for (size_t i = 0; i < lines->items.size(); ++i) {
    const Text& line = *lines->items[i].as_text();
    in.count_bytes(int64_t(margin.bytes.size() + line.bytes.size()) + 1);
    if (i > 0) out.append("\n");
    if (i == 0 ? first : blank || !line.bytes.empty()) out.append(margin);
    out.append(line);
  }
  return Value::text(out.take());
}

Value center(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "center", arguments, {"width"});
  return in.make_text(
      pad_text(in, *to_text(in, subject), given.integer(0, 80), " ", Padding::both));
}

Value truncate(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound given(in, "truncate", arguments, {"length", "killwords", "end", "leeway"});
  const int64_t length = given.integer(0, 255);
  const Text* given_end = given.text(2);
  const Text end = given_end == nullptr ? Text{"...", {}} : *given_end;
  const int64_t leeway = given.is_given(3) ? given.integer(3, 5) : 5;
  const TextPtr text = to_text(in, subject);
  const int64_t end_size = count_characters(end.bytes);
  if (length < end_size || leeway < 0)
    in.error("truncate(): expected a length of at least ", end_size, " and leeway of at least 0");
  const int64_t size = count_characters(text->bytes);
  if (size <= length || size - length <= leeway) return in.make_text(*text);
  Text head = slice(*text, 0, offset_of_character(text->bytes, length - end_size));
  if (!given.flag(1, false)) {
    const size_t blank = head.bytes.rfind(' ');
    if (blank != std::string::npos) head = slice(head, 0, blank);
  }
  TextBuilder out;
  out.append(head);
  out.append(end);
  return in.make_text(out.take());
}

Value string(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "string", arguments, {});
  return Value(to_text(in, subject));
}

Value escape(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "escape", arguments, {});
  static constexpr std::string_view special = "&<>'\"";
  static constexpr std::array<std::string_view, 5> by{"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  const TextPtr text = to_text(in, subject);
  TextBuilder out;
  in.count_bytes(5 * int64_t(text->bytes.size()));
  for (size_t at = 0; at < text->bytes.size(); ++at) {
    const size_t which = special.find(text->bytes[at]);
    if (which == std::string_view::npos)
      out.append(*text, at, at + 1);
    else
      out.append_derived(by[which], *text);
  }
  return in.make_text(out.take());
}

Value format(Interpreter& in, const Value& subject, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    in.error("format takes positional or named arguments, not both");
  const TextPtr text = to_text(in, subject);
  if (arguments.named.empty())
    return in.make_text(
        format_percent(in, *text, in.make_sequence(Sequence::Kind::tuple, arguments.positional)));
  Dict dict;
  for (const auto& [name, value] : arguments.named) dict.set(in.make_string(name), value);
  return in.make_text(format_percent(in, *text, in.make_dict(std::move(dict))));
}

Value word_count(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "wordcount", arguments, {});
  const TextPtr text = to_text(in, subject);
  int64_t words = 0;
  bool inside = false;
  in.count_steps(int64_t(text->bytes.size()) / 16);
  for (size_t at = 0; at < text->bytes.size(); at += character_size(text->bytes, at)) {
    const char32_t c = read_utf8(std::string_view(text->bytes).substr(at)).code_point;
    const bool is_word = is_letter(c) || is_numeric(c) || c == U'_';
    words += is_word && !inside ? 1 : 0;
    inside = is_word;
  }
  return Value(words);
}

Value url_encode(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Bound none(in, "urlencode", arguments, {});
  const TextPtr text = to_text(in, subject);
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  in.count_bytes(3 * int64_t(text->bytes.size()));
  for (const char c : text->bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                       std::string_view("_.-~/").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += {'%', hex[byte >> 4], hex[byte & 15]};
  }
  TextBuilder built;
  built.append_derived(out, *text);
  return in.make_text(built.take());
}

constexpr std::array<FilterRow, 17> text_rows{{
    {"upper", change_case<LetterCase::upper>},
    {"lower", change_case<LetterCase::lower>},
    {"capitalize", change_case<LetterCase::capital>},
    {"title", title},
    {"trim", trim_filter},
    {"replace", replace},
    {"indent", indent},
    {"center", center},
    {"truncate", truncate},
    {"string", string},
    {"safe", string},
    {"escape", escape},
    {"e", escape},
    {"forceescape", escape},
    {"format", format},
    {"wordcount", word_count},
    {"urlencode", url_encode},
}};

}  // namespace

std::span<const FilterRow> text_filters() { return text_rows; }

}  // namespace deepseek::jinja
