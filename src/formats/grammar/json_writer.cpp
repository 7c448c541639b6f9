// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/json_writer.h"

#include "core/utf8.h"

namespace deepseek::grammar {
namespace {

using nlohmann::ordered_json;

CharSet of(std::initializer_list<CharRange> ranges) {
  return CharSet(std::span(ranges.begin(), ranges.size()));
}

/// What a string cannot hold as itself.
CharSet escaped_chars() { return of({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}); }

std::string escape_of(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  return std::string("\\u00") + digits[c >> 4] + digits[c & 15];
}

/// One character of a string in any of its spellings.
Node any_spelling(Builder& b) {
  const Node hex =
      b.choice({b.byte_range('0', '9'), b.byte_range('a', 'f'), b.byte_range('A', 'F')});
  const Node d = b.choice({b.byte_range('d', 'd'), b.byte_range('D', 'D')});
  const Node not_d =
      b.choice({b.byte_range('0', '9'), b.byte_range('a', 'c'), b.byte_range('e', 'f'),
                b.byte_range('A', 'C'), b.byte_range('E', 'F')});
  const Node high =
      b.choice({b.byte_range('8', '9'), b.byte_range('a', 'b'), b.byte_range('A', 'B')});
  const Node low = b.choice({b.byte_range('c', 'f'), b.byte_range('C', 'F')});
  const Node unit = b.choice(
      {b.sequence({not_d, hex, hex, hex}), b.sequence({d, b.byte_range('0', '7'), hex, hex})});
  const Node pair = b.sequence({d, high, hex, hex, b.literal("\\u"), d, low, hex, hex});
  std::vector<Node> escapes{b.sequence({b.literal("u"), b.choice({unit, pair})})};
  for (const char c : std::string_view("\"\\/bfnrt")) escapes.push_back(b.literal({&c, 1}));
  return b.choice({b.parts().chars(escaped_chars().complement()),
                   b.sequence({b.literal("\\"), b.choice(escapes)})});
}

/// Any number of items and the terminator; the automaton that counts.
Dfa counted_text(Dfa item, uint8_t terminator) {
  const auto end = int32_t(item.states.size());
  for (Dfa::State& state : item.states)
    for (ByteEdge& edge : state.bytes)
      if (item.states[edge.target].accepting) edge.target = 0;
  for (Dfa::State& state : item.states) state.accepting = false;
  item.states.emplace_back().accepting = true;
  std::vector<ByteEdge>& start = item.states[0].bytes;
  start.insert(std::find_if(start.begin(), start.end(),
                            [&](const ByteEdge& edge) { return edge.first > terminator; }),
               {terminator, terminator, end});
  item.counted = 0;
  trim(item);
  return item;
}

}  // namespace

std::string JsonWriter::shared_name(std::string_view name) const {
  return concat("JSON ", name, spacing_ == JsonSpacing::none ? " without spaces" : "");
}

template <class Make>
Node JsonWriter::once(const std::string& name, Make make) {
  auto& shared = builder_.parts().shared;
  const auto at = shared.find(name);
  if (at != shared.end()) return at->second;
  const Rule rule = builder_.rule(name);
  const Node ref = builder_.ref(rule);
  shared.emplace(name, ref);
  builder_.define(rule, make());
  return ref;
}

Node JsonWriter::punctuation(std::string_view mark) {
  if (spacing_ == JsonSpacing::none) return builder_.literal(mark);
  return builder_.sequence({builder_.literal(mark), builder_.optional(builder_.literal(" "))});
}

Node JsonWriter::with_short(std::string_view short_form, Node node) {
  return builder_.choice({builder_.literal(short_form), node});
}

Node JsonWriter::string(int64_t min, int64_t max) {
  auto& parts = builder_.parts();
  const Node any = once("JSON string", [&] {
    return parts.dfa(counted_text(parts.determinise(any_spelling(builder_)), '"'));
  });
  const Rule rule{parts.at(any).target};
  const Node body = builder_.sequence({builder_.literal("\""), parts.call(rule, min, max)});
  return min == 0 ? with_short("\"\"", body) : body;
}

Node JsonWriter::number() {
  return with_short(
      "0", once("JSON number", [&] {
        return builder_.regex(R"(-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?)");
      }));
}

Node JsonWriter::integer() {
  return with_short("0",
                    once("JSON integer", [&] { return builder_.regex("0|-?[1-9][0-9]{0,17}"); }));
}

Node JsonWriter::boolean() {
  return builder_.choice({builder_.literal("true"), builder_.literal("false")});
}

Node JsonWriter::value() {
  return builder_.choice({null(), boolean(), number(), string(), object(), array()});
}

Node JsonWriter::object() {
  return with_short(
      "{}", once(shared_name("object"), [&] {
        const Node member = builder_.sequence({string(), colon(), value()});
        const JoinedItem item{member, false, true};
        return builder_.sequence(
            {builder_.literal("{"), builder_.joined({&item, 1}, comma()), builder_.literal("}")});
      }));
}

Node JsonWriter::array() {
  return with_short("[]", once(shared_name("array"), [&] { return list(value(), 0, unlimited); }));
}

Node JsonWriter::list(Node item, int64_t min, int64_t max) {
  Builder& b = builder_;
  if (max == 0) return b.literal("[]");
  const int64_t more = max == unlimited ? unlimited : max - 1;
  const Node items = b.sequence(
      {item, b.repeat(b.sequence({comma(), item}), std::max<int64_t>(min - 1, 0), more)});
  return b.sequence({b.literal("["), min == 0 ? b.optional(items) : items, b.literal("]")});
}

Node JsonWriter::key(std::string_view name) {
  return builder_.sequence(
      {builder_.literal("\""), canonical_text(name), builder_.literal("\""), colon()});
}

Node JsonWriter::constant(const ordered_json& value) {
  Builder& b = builder_;
  if (value.is_string())
    return b.sequence(
        {b.literal("\""), canonical_text(value.get_ref<const std::string&>()), b.literal("\"")});
  if (!value.is_structured()) return b.literal(value.dump());
  const bool object = value.is_object();
  std::vector<JoinedItem> items;
  for (auto at = value.begin(); at != value.end(); ++at) {
    const Node item = constant(*at);
    items.push_back({object ? b.sequence({key(at.key()), item}) : item, true, false});
  }
  return b.sequence(
      {b.literal(object ? "{" : "["), b.joined(items, comma()), b.literal(object ? "}" : "]")});
}

Node JsonWriter::canonical_chars(const CharSet& set) {
  std::vector<Node> options;
  const CharSet plain = set.without(escaped_chars());
  if (!plain.empty()) options.push_back(builder_.parts().chars(plain));
  const CharSet escaped = set.intersection(escaped_chars());
  for (const CharRange& range : escaped.ranges())
    for (char32_t c = range.first; c <= range.last; ++c)
      options.push_back(builder_.literal(escape_of(c)));
  return builder_.choice(options);
}

Node JsonWriter::canonical_text(std::string_view text) {
  std::string written;
  while (!text.empty()) {
    const Utf8Step step = read_utf8(text);
    if (escaped_chars().contains(step.code_point))
      written += escape_of(step.code_point);
    else
      append_utf8(written, step.code_point);
    text.remove_prefix(size_t(step.size_bytes));
  }
  return builder_.literal(written);
}

Node JsonWriter::quoted(Node content) {
  return builder_.shared(
      "JSON pattern", builder_.sequence({builder_.literal("\""), content, builder_.literal("\"")}));
}

Node Builder::json_value(JsonSpacing spacing) { return JsonWriter(*this, spacing).value(); }

Node Builder::json_object(JsonSpacing spacing) { return JsonWriter(*this, spacing).object(); }

Node Builder::json_string(int64_t min_length, int64_t max_length) {
  if (min_length < 0 || max_length < min_length)
    fail(ErrorKind::invalid_input,
         "grammar: expected a string of a least to a greatest length, "
         "got ",
         min_length, " to ", max_length);
  return JsonWriter(*this, JsonSpacing::optional).string(min_length, max_length);
}

Node Builder::json_constant(const ordered_json& value, JsonSpacing spacing) {
  return JsonWriter(*this, spacing).constant(value);
}

Node Builder::regex(std::string_view pattern) {
  const std::string where = "regular expression";
  return whole_match(
      *this, parse_regex(pattern, parts_->meter.budget(), where),
      [this](const CharSet& set) { return parts_->chars(set); }, where);
}

}  // namespace deepseek::grammar
