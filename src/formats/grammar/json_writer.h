// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "formats/grammar/builder_parts.h"
#include "formats/grammar/regex_parser.h"

namespace deepseek::grammar {

/// The parts of JSON as languages. Strings are valid UTF-8, a \u escape is never half a character;
/// numbers have at most 15 digits before and after the point and two in the exponent, so that every
/// reader can hold them. A short value is spelled beside each rule that can be it ("" beside the
/// rule of strings), so that the shortest way to finish may use tokens that reach past it.
class JsonWriter {
 public:
  JsonWriter(Builder& builder, JsonSpacing spacing) : builder_(builder), spacing_(spacing) {}

  Node comma() { return punctuation(","); }
  Node colon() { return punctuation(":"); }
  Node value();
  Node object();
  Node array();
  /// A string of min..max characters.
  Node string(int64_t min = 0, int64_t max = unlimited);
  Node number();
  /// An integer of at most 18 digits.
  Node integer();
  Node boolean();
  Node null() { return builder_.literal("null"); }
  /// Exactly this value; numbers as they are printed.
  Node constant(const nlohmann::ordered_json& value);
  /// `"name":`.
  Node key(std::string_view name);
  /// "[" items "]" from repeated items; min..max of them.
  Node list(Node item, int64_t min, int64_t max);
  /// `short_form` as well, which `node` already covers.
  Node with_short(std::string_view short_form, Node node);

  /// Characters within a string where each is written in one way only: itself, or its shortest
  /// escape if JSON demands one. For languages that are intersected or subtracted.
  Node canonical_chars(const CharSet& set);
  CharWriter canonical_writer() {
    return [this](const CharSet& set) { return canonical_chars(set); };
  }
  Node canonical_text(std::string_view text);
  /// `"content"` in a rule of its own.
  Node quoted(Node content);

  Builder& builder() { return builder_; }
  JsonSpacing spacing() const { return spacing_; }

 private:
  Node punctuation(std::string_view mark);
  std::string shared_name(std::string_view name) const;
  /// Makes a shared rule on first use.
  template <class Make>
  Node once(const std::string& name, Make make);

  Builder& builder_;
  JsonSpacing spacing_;
};

}  // namespace deepseek::grammar
