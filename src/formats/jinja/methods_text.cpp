// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>

#include "core/utf8.h"
#include "formats/jinja/format.h"
#include "formats/jinja/letters.h"
#include "formats/jinja/methods.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/text_operations.h"

namespace deepseek::jinja {
namespace {

const Text& of(const Value& self) { return *self.as_text(); }

template <LetterCase to>
Value change_case(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound none(in, "case method", arguments, {});
  return in.make_text(with_case(of(self), to));
}

template <Sides sides>
Value strip(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "strip", arguments, {"chars"});
  const Text* chars = given.text(0);
  if (chars != nullptr) in.count_search(of(self).bytes, chars->bytes);
  const Trimmed left = trim(of(self).bytes, sides, chars == nullptr ? nullptr : &chars->bytes);
  return in.make_text(slice(of(self), left.begin, left.end));
}

template <bool from_right>
Value split(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "split", arguments, {"sep", "maxsplit"});
  const Text* separator = given.text(0);
  const int64_t most = given.integer(1, -1);
  if (separator != nullptr && separator->bytes.empty()) in.error("split(): empty separator");
  return split_text(in, of(self), separator, most, from_right);
}

Value split_lines(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "splitlines", arguments, {"keepends"});
  return lines_of(in, of(self), given.flag(0, false));
}

template <bool from_right>
Value partition(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "partition", arguments, {"sep"}, 1);
  const Text* separator = given.text(0);
  if (separator == nullptr || separator->bytes.empty()) in.error("partition(): empty separator");
  const Text& text = of(self);
  const size_t size = text.bytes.size();
  if (from_right) in.count_search(text.bytes, separator->bytes);
  const size_t at =
      from_right ? text.bytes.rfind(separator->bytes) : find_bytes(text.bytes, separator->bytes, 0);
  std::vector<Value> parts;
  if (at == std::string::npos) {
    parts.assign(3, Value::string(""));
    parts[from_right ? 2 : 0] = self;
  } else {
    const size_t after = at + separator->bytes.size();
    parts = {in.make_text(slice(text, 0, at)), in.make_text(slice(text, at, after)),
             in.make_text(slice(text, after, size))};
  }
  return in.make_sequence(Sequence::Kind::tuple, std::move(parts));
}

/// The part of the text that start and end leave, or nothing when start is past the end.
std::optional<Trimmed> window(const Text& text, const Bound& given) {
  const int64_t count = count_characters(text.bytes);
  const auto clip = [&](int64_t at) { return at < 0 ? std::max<int64_t>(at + count, 0) : at; };
  const int64_t start = given.is_given(1) ? clip(given.integer(1, 0)) : 0;
  const int64_t end = given.is_given(2) ? std::min(clip(given.integer(2, 0)), count) : count;
  if (start > end) return std::nullopt;
  return Trimmed{offset_of_character(text.bytes, start), offset_of_character(text.bytes, end)};
}

template <bool at_end>
Value has_affix(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, at_end ? "endswith" : "startswith", arguments, {"prefix", "start", "end"},
                    1);
  const auto range = window(of(self), given);
  const auto matches = [&](const Value& affix) {
    if (affix.as_text() == nullptr)
      in.error("startswith() and endswith() need a str or a tuple of them, got ", type_name(affix));
    if (!range) return false;
    const std::string_view part =
        std::string_view(of(self).bytes).substr(range->begin, range->end - range->begin);
    return at_end ? part.ends_with(affix.as_text()->bytes)
                  : part.starts_with(affix.as_text()->bytes);
  };
  const Sequence* several = given[0]->as_sequence();
  if (several == nullptr) return Value(matches(*given[0]));
  in.count_steps(int64_t(several->items.size()));
  return Value(std::any_of(several->items.begin(), several->items.end(), matches));
}

enum class Find { first, last, first_or_fail, last_or_fail };

template <Find how>
Value find(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "find", arguments, {"sub", "start", "end"}, 1);
  const Text* part = given.text(0);
  if (part == nullptr) in.error("find() needs a str");
  const std::string& bytes = of(self).bytes;
  constexpr bool last = how == Find::last || how == Find::last_or_fail;
  if (last)
    in.count_search(bytes, part->bytes);
  else
    in.count_steps(int64_t(bytes.size()) / 256);
  if (const auto range = window(of(self), given)) {
    const std::string_view inside =
        std::string_view(bytes).substr(range->begin, range->end - range->begin);
    const size_t at = last ? inside.rfind(part->bytes) : find_bytes(inside, part->bytes, 0);
    if (at != std::string_view::npos)
      return Value(count_characters(std::string_view(bytes).substr(0, range->begin + at)));
  }
  if (how == Find::first_or_fail || how == Find::last_or_fail)
    in.error("index(): the substring is not there");
  return Value(int64_t{-1});
}

Value count(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "count", arguments, {"sub", "start", "end"}, 1);
  const Text* part = given.text(0);
  const auto range = window(of(self), given);
  if (part == nullptr || !range) return Value(int64_t{0});
  const std::string_view inside =
      std::string_view(of(self).bytes).substr(range->begin, range->end - range->begin);
  if (part->bytes.empty()) return Value(count_characters(inside) + 1);
  int64_t found = 0;
  for (size_t at = find_bytes(inside, part->bytes, 0); at != std::string_view::npos;
       at = find_bytes(inside, part->bytes, at + part->bytes.size()))
    ++found;
  in.count_steps(found + int64_t(inside.size()) / 256);
  return Value(found);
}

Value replace(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "replace", arguments, {"old", "new", "count"}, 2);
  if (given.text(0) == nullptr || given.text(1) == nullptr) in.error("replace() needs two strs");
  return in.make_text(
      replace_text(in, of(self), *given.text(0), *given.text(1), given.integer(2, -1)));
}

Value join(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "join", arguments, {"iterable"}, 1);
  const SequencePtr items = iterate(in, *given[0]);
  TextBuilder out;
  for (size_t i = 0; i < items->items.size(); ++i) {
    const Text* text = items->items[i].as_text();
    if (text == nullptr) in.error("join(): item ", i, " is a ", type_name(items->items[i]));
    if (i > 0) out.append(of(self));
    out.append(*text);
    in.count_bytes(int64_t(of(self).bytes.size() + text->bytes.size()) + 1);
  }
  return Value::text(out.take());
}

template <bool at_end>
Value remove_affix(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "removeprefix", arguments, {"affix"}, 1);
  const Text* affix = given.text(0);
  const std::string& bytes = of(self).bytes;
  if (affix == nullptr) in.error("removeprefix() needs a str");
  const size_t size = affix->bytes.size();
  if (at_end ? !bytes.ends_with(affix->bytes) : !bytes.starts_with(affix->bytes)) return self;
  return in.make_text(at_end ? slice(of(self), 0, bytes.size() - size)
                             : slice(of(self), size, bytes.size()));
}

template <Padding side>
Value pad(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "ljust", arguments, {"width", "fillchar"}, 1);
  const Text* fill = given.text(1);
  if (fill != nullptr && count_characters(fill->bytes) != 1)
    in.error("the fill must be one character");
  return in.make_text(
      pad_text(in, of(self), given.integer(0, 0), fill == nullptr ? " " : fill->bytes, side));
}

Value zero_fill(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "zfill", arguments, {"width"}, 1);
  const Text& text = of(self);
  const size_t sign = text.bytes.starts_with('-') || text.bytes.starts_with('+') ? 1 : 0;
  TextBuilder out;
  out.append(text, 0, sign);
  out.append(pad_text(in, slice(text, sign, text.bytes.size()), given.integer(0, 0) - int64_t(sign),
                      "0", Padding::left));
  return in.make_text(out.take());
}

Value expand_tabs(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound given(in, "expandtabs", arguments, {"tabsize"});
  return in.make_text(replace_tabs(in, of(self), given.integer(0, 8)));
}

Value format(Interpreter& in, const Value& self, const Arguments& arguments) {
  return in.make_text(format_braces(in, of(self), arguments));
}

/// Whether the text is not empty and every character is as `good` says.
template <bool (*good)(char32_t)>
Value all_are(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound none(in, "is…", arguments, {});
  const std::string& bytes = of(self).bytes;
  in.count_steps(int64_t(bytes.size()) / 16);
  for (size_t at = 0; at < bytes.size(); at += character_size(bytes, at))
    if (!good(read_utf8(std::string_view(bytes).substr(at)).code_point)) return Value(false);
  return Value(!bytes.empty());
}

/// Whether there are cased characters and all of them are of the one case.
template <bool (*good)(char32_t), bool (*bad)(char32_t)>
Value cased_are(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound none(in, "is…", arguments, {});
  const std::string& bytes = of(self).bytes;
  in.count_steps(int64_t(bytes.size()) / 16);
  bool any = false;
  for (size_t at = 0; at < bytes.size(); at += character_size(bytes, at)) {
    const char32_t c = read_utf8(std::string_view(bytes).substr(at)).code_point;
    if (bad(c)) return Value(false);
    any |= good(c);
  }
  return Value(any);
}

bool is_never(char32_t) { return false; }
bool is_alphanumeric(char32_t c) { return is_letter(c) || is_numeric(c); }

Value is_ascii(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound none(in, "isascii", arguments, {});
  const std::string& bytes = of(self).bytes;
  in.count_steps(int64_t(bytes.size()) / 256);
  return Value(std::all_of(bytes.begin(), bytes.end(), [](char c) { return (c & 0x80) == 0; }));
}

Value is_title(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound none(in, "istitle", arguments, {});
  const std::string& bytes = of(self).bytes;
  const bool any = truthy(cased_are<is_upper, is_never>(in, self, arguments));
  return Value(any && with_case(of(self), LetterCase::title).bytes == bytes);
}

constexpr std::array<Method, 41> methods{{
    {"capitalize", change_case<LetterCase::capital>},
    {"casefold", change_case<LetterCase::lower>},
    {"center", pad<Padding::both>},
    {"count", count},
    {"endswith", has_affix<true>},
    {"expandtabs", expand_tabs},
    {"find", find<Find::first>},
    {"format", format},
    {"index", find<Find::first_or_fail>},
    {"isalnum", all_are<is_alphanumeric>},
    {"isalpha", all_are<is_letter>},
    {"isascii", is_ascii},
    {"isdecimal", all_are<is_decimal>},
    {"isdigit", all_are<is_decimal>},
    {"islower", cased_are<is_lower, is_upper>},
    {"isnumeric", all_are<is_numeric>},
    {"isspace", all_are<is_space>},
    {"istitle", is_title},
    {"isupper", cased_are<is_upper, is_lower>},
    {"join", join},
    {"ljust", pad<Padding::right>},
    {"lower", change_case<LetterCase::lower>},
    {"lstrip", strip<Sides::left>},
    {"partition", partition<false>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"replace", replace},
    {"rfind", find<Find::last>},
    {"rindex", find<Find::last_or_fail>},
    {"rjust", pad<Padding::left>},
    {"rpartition", partition<true>},
    {"rsplit", split<true>},
    {"rstrip", strip<Sides::right>},
    {"split", split<false>},
    {"splitlines", split_lines},
    {"startswith", has_affix<false>},
    {"strip", strip<Sides::both>},
    {"swapcase", change_case<LetterCase::swap>},
    {"title", change_case<LetterCase::title>},
    {"upper", change_case<LetterCase::upper>},
    {"zfill", zero_fill},
}};

}  // namespace

std::span<const Method> text_methods() { return methods; }

}  // namespace deepseek::jinja
