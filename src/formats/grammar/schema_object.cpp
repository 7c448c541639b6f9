// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "formats/grammar/schema.h"

namespace deepseek::grammar {

using nlohmann::ordered_json;

namespace {

bool forbids(const std::optional<SchemaPlace>& place) {
  return place && place->schema->is_boolean() && !place->schema->get<bool>();
}

/// The text of a key as JSON pointers and messages may show it.
std::string where_of(const SchemaPlace& place) {
  return concat("JSON schema: ", printable(place.pointer));
}

}  // namespace

std::vector<SchemaCompiler::Member> SchemaCompiler::members(const SchemaFacets& facets,
                                                            bool& possible) {
  std::vector<Member> result;
  std::unordered_map<std::string, size_t> index;
  const auto declare = [&](const std::string& name) {
    if (index.try_emplace(name, result.size()).second) result.push_back({name, {}, false});
  };
  for (const SchemaFacets::Object& part : facets.objects)
    for (const auto& [name, place] : part.properties) declare(name);
  for (const std::string& name : facets.required) {
    declare(name);
    result[index[name]].required = true;
  }
  for (const SchemaFacets::Object& part : facets.objects) {
    std::unordered_set<std::string> covered;
    for (const auto& [name, place] : part.properties) {
      result[index[name]].value.places.push_back(place);
      covered.insert(name);
    }
    for (const auto& [pattern, place] : part.patterns) {
      const Dfa names = builder_.parts().determinise(
          pattern_content(pattern, where_of(place), writer_.canonical_writer()));
      for (Member& member : result) {
        if (!matches(names, member.name)) continue;
        member.value.places.push_back(place);
        covered.insert(member.name);
      }
    }
    if (!part.additional) continue;
    for (Member& member : result)
      if (!covered.contains(member.name)) member.value.places.push_back(*part.additional);
  }
  for (const SchemaPlace& names : facets.names) {
    const SchemaFacets allowed = gather_facets({{names}, {}}, root_, builder_.parts().meter);
    TextTest texts;
    std::erase_if(result, [&](const Member& member) {
      const bool may_be = allowed.possible && admits(allowed, ordered_json(member.name), texts);
      possible = possible && (may_be || !member.required);
      return !may_be;
    });
  }
  return result;
}

/// Keys other than those declared.
Node SchemaCompiler::key_content(const SchemaFacets& facets, const std::vector<Member>& members) {
  Node content = builder_.repeat(writer_.canonical_chars(CharSet::all()), 0);
  for (const SchemaPlace& names : facets.names) {
    const SchemaFacets allowed = gather_facets({{names}, {}}, root_, builder_.parts().meter);
    if (allowed.values || !allowed.alternatives.empty() || !(allowed.types & string_type))
      fail(ErrorKind::unsupported, where_of(names),
           ": propertyNames can be enforced by pattern, format and length alone");
    if (!allowed.possible) return nothing();
    const Node rule = string_content(allowed);
    if (is_nothing(rule)) return rule;
    content = builder_.intersection(content, rule);
  }
  std::vector<Node> taken;
  taken.reserve(members.size());
  for (const Member& member : members) taken.push_back(writer_.canonical_text(member.name));
  return taken.empty() ? content : builder_.difference(content, builder_.choice(taken));
}

std::optional<Node> SchemaCompiler::extra_member(const SchemaFacets& facets,
                                                 const std::vector<Member>& members) {
  bool declared = false, open = false, closed = false, patterns = false;
  for (const SchemaFacets::Object& part : facets.objects) {
    declared = declared || !part.properties.empty() || !part.patterns.empty();
    patterns = patterns || !part.patterns.empty();
    closed = closed || forbids(part.additional);
    open = open || (part.additional && !forbids(part.additional));
  }
  // Where properties are declared and nothing is said of others there are none: again a part of
  // what the schema allows, and what its author means.
  const bool others = !closed && (open || !declared);
  if (!others && !patterns) return std::nullopt;
  const bool any_key = !patterns && members.empty() && facets.names.empty();
  std::vector<Node> options;
  Node free = any_key ? writer_.string() : key_content(facets, members);
  if (is_nothing(free)) return std::nullopt;
  const auto add = [&](Node content, const Conjunction& value) {
    const Node node = value.places.empty() ? writer_.value() : compile(value);
    const Node key = any_key ? content : writer_.quoted(content);
    if (!is_nothing(node)) options.push_back(builder_.sequence({key, writer_.colon(), node}));
  };
  std::vector<std::pair<Node, const SchemaFacets::Object*>> classes;
  for (const SchemaFacets::Object& part : facets.objects)
    for (const auto& [pattern, place] : part.patterns)
      classes.emplace_back(pattern_content(pattern, where_of(place), writer_.canonical_writer()),
                           &part);
  size_t number = 0;
  for (const SchemaFacets::Object& part : facets.objects) {
    for (const auto& [pattern, place] : part.patterns) {
      // Keys of this pattern alone; a key of two would need both schemas, and is left out.
      Node content = builder_.intersection(free, classes[number].first);
      for (size_t i = 0; i < classes.size(); ++i)
        if (i != number) content = builder_.difference(content, classes[i].first);
      Conjunction value{{place}, {}};
      bool allowed = true;
      for (const SchemaFacets::Object& other : facets.objects) {
        if (&other == &part || !other.additional) continue;
        allowed = allowed && !forbids(other.additional);
        value.places.push_back(*other.additional);
      }
      if (allowed) add(content, value);
      ++number;
    }
  }
  if (others) {
    for (const auto& [content, part] : classes) free = builder_.difference(free, content);
    Conjunction value;
    for (const SchemaFacets::Object& part : facets.objects)
      if (part.additional) value.places.push_back(*part.additional);
    add(free, value);
  }
  if (options.empty()) return std::nullopt;
  return builder_.choice(options);
}

Node SchemaCompiler::object(const SchemaFacets& facets) {
  bool possible = true;
  const std::vector<Member> declared = members(facets, possible);
  std::vector<JoinedItem> items;
  int64_t required = 0, optional = 0;
  for (const Member& member : declared) {
    const Node value = member.value.places.empty() ? writer_.value() : compile(member.value);
    if (is_nothing(value)) {
      possible = possible && !member.required;
      continue;
    }
    items.push_back({builder_.sequence({writer_.key(member.name), value}), member.required, false});
    ++(member.required ? required : optional);
  }
  const std::optional<Node> extra = extra_member(facets, declared);
  const int64_t min = facets.min_properties, max = facets.max_properties;
  const int64_t least = std::max<int64_t>(0, min - required);
  if (optional > 0 && (least > 0 || max < required + optional))
    fail(ErrorKind::unsupported, "JSON schema: ", printable(facets.pointer),
         ": minProperties and maxProperties cannot be enforced beside optional properties; make "
         "them required or remove the bounds");
  if (least > 1)
    fail(
        ErrorKind::unsupported, "JSON schema: ", printable(facets.pointer),
        ": minProperties cannot be enforced beyond one property more than the required ones, since "
        "names might be the same; name the properties or lower the bound");
  if (!possible || required > max || (least > 0 && !extra) || min > max) return nothing();
  if (extra) {
    // Optional properties may be left out, but others do not take their place.
    const int64_t room = max == unlimited ? unlimited : max - required - optional;
    if (least == 0 && room == unlimited) {
      items.push_back({*extra, false, true});
    } else {
      const Node shared = builder_.shared(concat(facets.pointer, " (member)"), *extra);
      builder_.parts().meter.check_states(saturated_product(4, room == unlimited ? least : room));
      for (int64_t i = 0; i < least; ++i) items.push_back({shared, true, false});
      if (room == unlimited) {
        items.push_back({shared, false, true});
      } else {
        for (int64_t i = least; i < room; ++i) items.push_back({shared, false, false});
      }
    }
  }
  const Node object = builder_.shared(
      concat(facets.pointer, " (object)"),
      builder_.sequence(
          {builder_.literal("{"), builder_.joined(items, writer_.comma()), builder_.literal("}")}));
  return required == 0 && least == 0 ? writer_.with_short("{}", object) : object;
}

}  // namespace deepseek::grammar
