// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/schema.h"

#include <algorithm>

#include "core/utf8.h"
#include "formats/grammar/string_formats.h"
#include "formats/json.h"

namespace deepseek::grammar {

using nlohmann::ordered_json;

Conjunction Conjunction::with_branch(const SchemaPlace& list, size_t index) const {
  Conjunction branch = *this;
  branch.decided.insert(list.schema);
  branch.places.push_back(list.at(index));
  return branch;
}

Node SchemaCompiler::nothing() {
  if (!nothing_) {
    Dfa dfa;
    dfa.states.emplace_back();
    nothing_ = builder_.parts().dfa(std::move(dfa));
  }
  return *nothing_;
}

Node SchemaCompiler::choice(const std::vector<Node>& options) {
  std::vector<Node> possible;
  for (const Node option : options)
    if (!is_nothing(option)) possible.push_back(option);
  return possible.empty() ? nothing() : builder_.choice(possible);
}

Node SchemaCompiler::compile(const Conjunction& given) {
  Conjunction conjunction = given;
  for (SchemaPlace& place : conjunction.places) place = follow_references(place, root_);
  std::vector<const void*> key;
  key.reserve(conjunction.places.size());
  for (const SchemaPlace& place : conjunction.places) key.push_back(place.schema);
  std::sort(key.begin(), key.end());
  key.erase(std::unique(key.begin(), key.end()), key.end());
  key.push_back(nullptr);
  key.insert(key.end(), conjunction.decided.begin(), conjunction.decided.end());
  const auto [at, fresh] = known_.try_emplace(std::move(key));
  Known& known = at->second;  // a map's nodes stay where they are
  if (known.node) return *known.node;
  if (!fresh) {  // it is being compiled: it holds itself
    if (!known.rule) known.rule = builder_.rule(conjunction.places[0].pointer);
    return builder_.ref(*known.rule);
  }
  // References may nest far deeper than the schema's text.
  constexpr int64_t per_level = 2;
  builder_.parts().meter.check_depth(++depth_ / per_level);
  const SchemaFacets facets = gather_facets(conjunction, root_, builder_.parts().meter);
  Node node = compile_facets(facets, conjunction);
  --depth_;
  // What is large, and not a rule already, is laid once.
  constexpr int64_t large = 256;
  if (known.rule) {
    builder_.define(*known.rule, node);
    node = builder_.ref(*known.rule);
  } else if (builder_.parts().at(node).size > large) {
    node = builder_.shared(conjunction.places[0].pointer, node);
  }
  known.node = node;
  return node;
}

Node SchemaCompiler::compile_facets(const SchemaFacets& facets, const Conjunction& conjunction) {
  if (!facets.possible) return nothing();
  if (!facets.alternatives.empty()) return alternatives(facets, conjunction);
  if (facets.values) return values(facets);
  uint8_t types = facets.types;
  // Without a type the keywords speak only of some types; all others would be free. We keep to
  // those: a part of what the schema allows, and what its author means.
  if (!facets.typed && facets.implied != 0) types &= facets.implied;
  std::vector<Node> options;
  if (types & null_type) options.push_back(writer_.null());
  if (types & boolean_type) options.push_back(writer_.boolean());
  if (types & (number_type | integer_type)) {
    const bool whole = !(types & number_type);
    const std::string where = concat("JSON schema: ", printable(facets.pointer));
    if (!facets.numbers.bounded()) {
      options.push_back(whole ? writer_.integer() : writer_.number());
    } else if (const std::optional<Node> node =
                   whole ? integers_within(builder_, facets.numbers)
                         : numbers_within(builder_, facets.numbers, where)) {
      options.push_back(*node);
    }
  }
  if (types & string_type) options.push_back(string(facets));
  if (types & array_type) options.push_back(array(facets));
  if (types & object_type) options.push_back(object(facets));
  return choice(options);
}

/// One branch of the first list at a time, together with all else.
Node SchemaCompiler::alternatives(const SchemaFacets& facets, const Conjunction& conjunction) {
  const SchemaPlace& list = facets.alternatives[0];
  std::vector<Node> options;
  for (size_t i = 0; i < list.schema->size(); ++i) {
    Conjunction branch = conjunction.with_branch(list, i);
    // Alone, the branch is what any other reference to it is.
    const ordered_json& base = *conjunction.places[0].schema;
    const bool alone = conjunction.places.size() == 1 && conjunction.decided.empty() &&
                       base.is_object() && base.size() == 1 && &base.front() == list.schema;
    if (alone) branch = {{list.at(i)}, {}};
    options.push_back(compile(branch));
  }
  return choice(options);
}

bool SchemaCompiler::admits(const SchemaFacets& facets, const ordered_json& value,
                            TextTest& texts) {
  const uint8_t type =
      value.is_null()      ? null_type
      : value.is_boolean() ? boolean_type
      : value.is_string()  ? string_type
      : value.is_array()   ? array_type
      : value.is_object()  ? object_type
      : value.is_number_integer() || std::floor(value.get<double>()) == value.get<double>()
          ? integer_type
          : number_type;
  if (!(facets.types & type)) return false;
  if (value.is_number()) return facets.numbers.contains(decimal_of(value));
  if (value.is_string()) {
    if (!restricts_strings(facets)) return true;
    if (!texts) texts = builder_.parts().determinise(string_content(facets));
    return matches(*texts, value.get_ref<const std::string&>());
  }
  if ((value.is_array() &&
       (!facets.arrays.empty() || facets.min_items > 0 || facets.max_items != unlimited)) ||
      (value.is_object() && (facets.implied & object_type)))
    fail(ErrorKind::unsupported, "JSON schema: ", printable(facets.pointer),
         ": enum or const with arrays or objects cannot be combined with keywords about their "
         "parts; remove those");
  return true;
}

Node SchemaCompiler::values(const SchemaFacets& facets) {
  std::vector<Node> options;
  TextTest texts;
  for (const ordered_json& value : *facets.values)
    if (admits(facets, value, texts)) options.push_back(writer_.constant(value));
  return choice(options);
}

bool SchemaCompiler::restricts_strings(const SchemaFacets& facets) const {
  return facets.min_length > 0 || facets.max_length != unlimited || !facets.patterns.empty() ||
         !facets.formats.empty();
}

Node SchemaCompiler::pattern_content(const std::string& pattern, const std::string& where,
                                     const CharWriter& write) {
  builder_.parts().meter.step(int64_t(pattern.size()));
  return partial_match(builder_, parse_regex(pattern, builder_.parts().meter.budget(), where),
                       write, where);
}

Node SchemaCompiler::string_content(const SchemaFacets& facets, const CharWriter& write) {
  std::vector<Node> parts;
  parts.reserve(facets.patterns.size());
  for (const SchemaPlace& pattern : facets.patterns)
    parts.push_back(pattern_content(pattern.schema->get<std::string>(),
                                    concat("JSON schema: ", printable(pattern.pointer)), write));
  for (const SchemaPlace& format : facets.formats) {
    const std::string where = concat("JSON schema: ", printable(format.pointer));
    const std::string_view pattern = format_pattern(format.schema->get_ref<const std::string&>());
    if (pattern.empty())
      fail(ErrorKind::unsupported, where, ": the format ", printable(format.schema->dump(), 40),
           " cannot be enforced; known are ", known_formats());
    parts.push_back(whole_match(
        builder_, parse_regex(pattern, builder_.parts().meter.budget(), where), write, where));
  }
  const Node any = write(CharSet::all());
  if (facets.min_length > facets.max_length) return nothing();
  if (facets.min_length > 0 || facets.max_length != unlimited || parts.empty())
    parts.push_back(builder_.repeat(any, facets.min_length, facets.max_length));
  Node content = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) content = builder_.intersection(content, parts[i]);
  return content;
}

bool SchemaCompiler::matches(const Dfa& content, std::string_view text) {
  const std::string& written = builder_.parts().at(writer_.canonical_text(text)).text;
  int32_t state = 0;
  for (const char c : written) {
    state = target_of(content.states[state].bytes, uint8_t(c));
    if (state < 0) return false;
  }
  return content.states[state].accepting;
}

Node SchemaCompiler::string(const SchemaFacets& facets) {
  if (facets.patterns.empty() && facets.formats.empty()) {
    if (facets.min_length > facets.max_length) return nothing();
    return facets.max_length == 0 ? builder_.literal("\"\"")
                                  : writer_.string(facets.min_length, facets.max_length);
  }
  const Node content = string_content(facets);
  return is_nothing(content) ? content : writer_.quoted(content);
}

std::optional<Node> SchemaCompiler::texts(const Conjunction& conjunction) {
  SchemaFacets facets = gather_facets(conjunction, root_, builder_.parts().meter);
  if (!facets.possible) return nothing();
  if (!facets.alternatives.empty()) {
    const SchemaPlace& list = facets.alternatives[0];
    std::vector<Node> options;
    for (size_t i = 0; i < list.schema->size(); ++i) {
      const std::optional<Node> option = texts(conjunction.with_branch(list, i));
      if (!option) return std::nullopt;
      options.push_back(*option);
    }
    return choice(options);
  }
  if (facets.values) {
    std::vector<std::string> list;
    TextTest test;
    for (const ordered_json& value : *facets.values)
      if (value.is_string() && admits(facets, value, test)) list.push_back(value);
    return list.empty() ? nothing() : builder_.literals(list);
  }
  // Counting that many characters would take as many states.
  constexpr int64_t countable = 256;
  if (facets.min_length > countable) facets.min_length = 0;
  if (facets.max_length > countable) facets.max_length = unlimited;
  if (!restricts_strings(facets)) return std::nullopt;
  return string_content(facets, [this](const CharSet& set) { return builder_.parts().chars(set); });
}

Node SchemaCompiler::array(const SchemaFacets& facets) {
  size_t prefix = 0;
  for (const SchemaFacets::Array& part : facets.arrays)
    prefix = std::max(prefix, part.prefix.size());
  const auto element = [&](size_t index) {
    Conjunction all;
    for (const SchemaFacets::Array& part : facets.arrays) {
      if (index < part.prefix.size())
        all.places.push_back(part.prefix[index]);
      else if (part.items)
        all.places.push_back(*part.items);
    }
    return all.places.empty() ? writer_.value() : compile(all);
  };
  const bool any_items = std::any_of(facets.arrays.begin(), facets.arrays.end(),
                                     [](const auto& part) { return part.items.has_value(); });
  const int64_t min = facets.min_items;
  int64_t max = facets.max_items;
  // A tuple whose rest nothing is said about ends after it.
  if (prefix > 0 && !any_items) max = std::min(max, std::max(min, int64_t(prefix)));
  std::vector<Node> elements;
  for (size_t i = 0; i < prefix && int64_t(i) < max; ++i) {
    elements.push_back(element(i));
    if (is_nothing(elements.back())) {
      elements.pop_back();
      max = std::min(max, int64_t(i));
    }
  }
  const auto known = int64_t(elements.size());
  Node rest = max > known ? element(prefix) : nothing();
  if (is_nothing(rest)) max = std::min(max, known);
  if (min > max) return nothing();
  if (elements.empty()) {
    const Node list = builder_.shared(concat(facets.pointer, " (array)"),
                                      writer_.list(max == 0 ? nothing() : rest, min, max));
    return min == 0 ? writer_.with_short("[]", list) : list;
  }
  Node tail = builder_.empty();
  if (max > known)
    tail = builder_.repeat(builder_.sequence({writer_.comma(), rest}),
                           std::max<int64_t>(min - known, 0),
                           max == unlimited ? unlimited : max - known);
  for (int64_t i = known; i-- > 0;) {
    tail = i == 0 ? builder_.sequence({elements[0], tail})
                  : builder_.sequence({writer_.comma(), elements[size_t(i)], tail});
    if (i >= min) tail = builder_.optional(tail);
  }
  const Node list =
      builder_.shared(concat(facets.pointer, " (array)"),
                      builder_.sequence({builder_.literal("["), tail, builder_.literal("]")}));
  return min == 0 ? writer_.with_short("[]", list) : list;
}

ordered_json parse_schema(std::string_view text, const Budget& budget) {
  Meter(budget).check_source(text);
  constexpr auto most_keys = size_t(JsonLimits{}.keys);
  std::vector<std::set<std::string>> open;
  const auto check = [&](int depth, ordered_json::parse_event_t event, ordered_json& value) {
    if (depth > budget.depth) Meter::exceeded("depth", depth, budget.depth);
    if (event == ordered_json::parse_event_t::object_start) open.emplace_back();
    if (event == ordered_json::parse_event_t::object_end) open.pop_back();
    if (event != ordered_json::parse_event_t::key) return true;
    const std::string& key = value.get_ref<const std::string&>();
    if (!open.back().insert(key).second)
      fail(ErrorKind::invalid_input, "JSON schema: expected every key once, got \"",
           printable(key, 60), "\" twice in one object");
    if (open.back().size() > most_keys)
      Meter::exceeded("keys in one object", int64_t(open.back().size()), int64_t(most_keys));
    return true;
  };
  try {
    return ordered_json::parse(text, check);
  } catch (const ordered_json::exception& error) {
    fail(ErrorKind::invalid_input, "JSON schema: expected JSON, got ", json_error_text(error));
  }
}

Node Builder::json_schema_text(std::string_view schema, JsonSpacing spacing) {
  return json_schema(parse_schema(schema, parts_->meter.budget()), spacing);
}

Node Builder::json_schema(const ordered_json& schema, JsonSpacing spacing) {
  return json_schema_part(schema, schema, spacing);
}

std::optional<Node> Builder::schema_texts(const ordered_json& root, const ordered_json& part) {
  return SchemaCompiler(*this, root, JsonSpacing::optional).texts({{{&part, "#"}}, {}});
}

Node Builder::json_schema_part(const ordered_json& root, const ordered_json& part,
                               JsonSpacing spacing) {
  parts_->meter.check_source(part.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  return SchemaCompiler(*this, root, spacing).run(part);
}

}  // namespace deepseek::grammar
