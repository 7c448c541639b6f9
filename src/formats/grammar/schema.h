// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "formats/grammar/json_numbers.h"
#include "formats/grammar/json_writer.h"

namespace deepseek::grammar {

/// A schema and where it stands, for messages: "#/properties/a".
struct SchemaPlace {
  const nlohmann::ordered_json* schema;
  std::string pointer;

  SchemaPlace at(const std::string& keyword) const;
  SchemaPlace at(size_t index) const;
  [[noreturn]] void expected(std::string_view what) const;
};

/// Schemas that must all hold, and which of their lists of alternatives were already decided.
struct Conjunction {
  std::vector<SchemaPlace> places;
  std::set<const nlohmann::ordered_json*> decided;

  /// The same with entry `index` of `list`, one of its lists of alternatives.
  Conjunction with_branch(const SchemaPlace& list, size_t index) const;
};

enum SchemaType : uint8_t {
  null_type = 1,
  boolean_type = 2,
  integer_type = 4,
  number_type = 8,
  string_type = 16,
  array_type = 32,
  object_type = 64,
  any_type = 127,
};

/// What all schemas of a conjunction say, by keyword.
struct SchemaFacets {
  struct Object {
    SchemaPlace place;
    std::vector<std::pair<std::string, SchemaPlace>> properties;
    std::vector<std::pair<std::string, SchemaPlace>> patterns;
    std::optional<SchemaPlace> additional;
  };
  struct Array {
    std::vector<SchemaPlace> prefix;
    std::optional<SchemaPlace> items;
  };

  bool possible = true;
  std::string pointer;                                        // of the first schema
  uint8_t types = any_type;                                   // that every `type` allows
  bool typed = false;                                         // some schema has a `type`
  uint8_t implied = 0;                                        // types that other keywords speak of
  std::optional<std::vector<nlohmann::ordered_json>> values;  // enum, const
  NumberRange numbers;
  int64_t min_length = 0, max_length = unlimited;
  std::vector<SchemaPlace> patterns, formats;
  int64_t min_items = 0, max_items = unlimited;
  std::vector<Array> arrays;
  int64_t min_properties = 0, max_properties = unlimited;
  std::vector<Object> objects;
  std::vector<std::string> required;
  std::vector<SchemaPlace> names;         // propertyNames
  std::vector<SchemaPlace> alternatives;  // anyOf, oneOf: lists still to be decided
};

/// Gathers the keywords of a conjunction, going through allOf and $ref. Refuses what cannot be
/// enforced.
SchemaFacets gather_facets(const Conjunction& conjunction, const nlohmann::ordered_json& root,
                           Meter& meter);

/// What `place` stands for when it is a reference and nothing else, followed to its end. Throws
/// invalid_input when that is itself.
SchemaPlace follow_references(SchemaPlace place, const nlohmann::ordered_json& root);

/// Turns schemas into languages.
class SchemaCompiler {
 public:
  /// `root` must outlive this.
  SchemaCompiler(Builder& builder, const nlohmann::ordered_json& root, JsonSpacing spacing)
      : builder_(builder), writer_(builder, spacing), root_(root) {}
  Node run() { return run(root_); }
  /// `part` is a schema whose references lead into the root.
  Node run(const nlohmann::ordered_json& part) { return compile({{{&part, "#"}}, {}}); }
  /// Builder::schema_texts.
  std::optional<Node> texts(const Conjunction& conjunction);

 private:
  struct Known {
    std::optional<Node> node;  // once it is compiled
    std::optional<Rule> rule;  // if it refers to itself
  };
  struct Member {
    std::string name;
    Conjunction value;
    bool required;
  };

  Node compile(const Conjunction& conjunction);
  Node compile_facets(const SchemaFacets& facets, const Conjunction& conjunction);
  Node alternatives(const SchemaFacets& facets, const Conjunction& conjunction);
  Node values(const SchemaFacets& facets);
  /// Which texts a conjunction admits, made when it is first asked for.
  using TextTest = std::optional<Dfa>;
  bool admits(const SchemaFacets& facets, const nlohmann::ordered_json& value, TextTest& texts);
  Node string(const SchemaFacets& facets);
  bool restricts_strings(const SchemaFacets& facets) const;
  /// Between the quotes, each character as `write` has it.
  Node string_content(const SchemaFacets& facets, const CharWriter& write);
  Node string_content(const SchemaFacets& facets) {
    return string_content(facets, writer_.canonical_writer());
  }
  bool matches(const Dfa& content, std::string_view text);
  Node array(const SchemaFacets& facets);
  Node object(const SchemaFacets& facets);
  std::vector<Member> members(const SchemaFacets& facets, bool& possible);
  /// Members that are not declared, each `"key": value`; nothing if there can be none.
  std::optional<Node> extra_member(const SchemaFacets& facets, const std::vector<Member>& members);
  Node key_content(const SchemaFacets& facets, const std::vector<Member>& members);
  Node pattern_content(const std::string& pattern, const std::string& where,
                       const CharWriter& write);

  bool is_nothing(Node node) const { return nothing_ && node.id == nothing_->id; }
  Node nothing();
  Node choice(const std::vector<Node>& options);

  Builder& builder_;
  JsonWriter writer_;
  const nlohmann::ordered_json& root_;
  std::map<std::vector<const void*>, Known> known_;
  std::optional<Node> nothing_;
  int64_t depth_ = 0;
};

}  // namespace deepseek::grammar
