// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "formats/tokenizer.h"

/// Constrained output: a Builder composes a Grammar, a Constraint joins it with a Vocabulary, a
/// Matcher follows one sequence and says which tokens may come next.
///
///   grammar::Builder b;
///   const grammar::Node call = b.sequence({b.literal("<tool_call>\n{\"name\": \"f\",
///   \"arguments\": "),
///                                          b.json_schema(schema), b.literal("}\n</tool_call>")});
///   const grammar::Grammar grammar = b.build(b.repeat(call, 1, 3));
///   const grammar::Constraint constraint(grammar, vocabulary);
///   grammar::Matcher matcher(constraint);
///   matcher.fill_mask(mask, tokens_left);  … sample …  matcher.accept(token);
namespace deepseek::grammar {

inline constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

/// What compiling may cost. Each breach throws invalid_input naming the budget, its limit and what
/// was needed. Counts, not times, so that the same input always gets the same answer.
struct Budget {
  int64_t source_bytes = 1 << 20;  // of a schema, an expression or a GBNF text
  int64_t depth = 100;             // nesting in a source; of nodes in each other, eight times that
  int64_t rules = 10'000;
  int64_t nodes = 200'000;     // what the builder makes
  int64_t states = 200'000;    // of all automata, before and after they are made deterministic
  int64_t steps = 10'000'000;  // of every construction together; about 10 ns each
  // Of one mask, or one token accepted, while what was built is matched; at most some 10 ns each.
  int64_t mask_steps = 20'000'000;
};

/// A language within one Builder. Only its builder may use it.
struct Node {
  int32_t id = -1;
};

/// A named language that may refer to itself.
struct Rule {
  int32_t id = -1;
};

/// Code points first..last.
struct CharRange {
  char32_t first, last;
};

/// Blanks between the parts of JSON. They are bounded, so that no model can emit them for ever.
enum class JsonSpacing {
  none,      // {"a":1,"b":[2,3]}
  optional,  // at most one space after each ':' and ','
};

/// An element of Builder::joined.
struct JoinedItem {
  Node node;
  bool required = true;
  bool repeats = false;  // once or more if required, else any number of times
};

/// Where free text gives way to something bound: after `trigger`, `body` holds.
struct Section {
  Node trigger;         // a literal or special token; see Builder::free_text
  std::string literal;  // the trigger's text, empty for a special token
  Node body;
};

/// A compiled language over bytes and special tokens, independent of any vocabulary. Immutable and
/// cheap to copy.
class Grammar {
 public:
  /// Whether `text` is a sentence. For checks and tests; special tokens cannot be given.
  bool matches(std::string_view text) const;
  /// Whether `text` is the beginning of a sentence.
  bool matches_prefix(std::string_view text) const;
  int64_t state_count() const;
  int64_t rule_count() const;

 private:
  friend class Builder;
  friend class Constraint;
  Grammar(std::shared_ptr<const struct Automaton> automaton, int64_t mask_steps)
      : automaton_(std::move(automaton)), mask_steps_(mask_steps) {}
  std::shared_ptr<const struct Automaton> automaton_;
  int64_t mask_steps_;
};

/// Composes languages. Every function throws invalid_input when a budget is exceeded or a source
/// is malformed (with its position), unsupported for a construct that cannot be enforced exactly.
class Builder {
 public:
  explicit Builder(const Budget& budget = {});
  ~Builder();
  Builder(Builder&&) noexcept;
  Builder& operator=(Builder&&) noexcept;

  /// The empty text alone.
  Node empty();
  /// Exactly `text`, any bytes.
  Node literal(std::string_view text);
  /// One of `texts`. Throws invalid_input when there is none.
  Node literals(std::span<const std::string> texts);
  /// One byte of first..last.
  Node byte_range(uint8_t first, uint8_t last);
  /// One character in (`negated`: outside) the ranges, as UTF-8.
  Node chars(std::span<const CharRange> ranges, bool negated = false);
  Node any_char();
  /// The token `id` itself, which the vocabulary marks special: no text matches it.
  Node special_token(int32_t id);
  /// `spelling` as this vocabulary writes it: special_token if it has a special token of that
  /// spelling, otherwise the literal text.
  Node marker(const Tokenizer& tokenizer, std::string_view spelling);

  Node sequence(std::span<const Node> parts);
  Node sequence(std::initializer_list<Node> parts);
  Node choice(std::span<const Node> options);
  Node choice(std::initializer_list<Node> options);
  Node repeat(Node item, int64_t min, int64_t max = unlimited);
  Node optional(Node item) { return repeat(item, 0, 1); }
  /// The items in their order, `separator` between those that are there.
  Node joined(std::span<const JoinedItem> items, Node separator);
  /// Texts of both, or of `a` but not of `b`. Both must be regular: no rules, no special tokens.
  Node intersection(Node a, Node b);
  Node difference(Node a, Node b);

  /// A rule, to be defined exactly once before build. The name is for messages.
  Rule rule(std::string_view name);
  void define(Rule rule, Node body);
  Node ref(Rule rule);
  /// The same language in a rule of its own: what is used often is then compiled once.
  Node shared(std::string_view name, Node body);

  /// Any UTF-8, also none.
  Node any_text();
  /// Any UTF-8 up to and including the first occurrence of `end`. None of `never` occurs before.
  Node text_until(std::string_view end, std::span<const std::string> never = {});
  /// Any UTF-8 in which none of `literals` occurs.
  Node text_without(std::span<const std::string> literals);
  /// Free text that may hold sections: as soon as a section's trigger has been written its body
  /// must follow, then free text or the next trigger. Between min and max sections; with
  /// `text_after` false nothing may follow the last body but another section. Text before the first
  /// trigger is always free.
  Node free_text(std::span<const Section> sections, int64_t min = 0, int64_t max = unlimited,
                 bool text_between = true, bool text_after = true);
  /// A section for free_text whose trigger is `marker` of this spelling.
  Section section(const Tokenizer& tokenizer, std::string_view trigger, Node body);
  Section section(std::string_view trigger, Node body);

  /// Any JSON value, any object, any string with min..max characters.
  Node json_value(JsonSpacing spacing = JsonSpacing::optional);
  Node json_object(JsonSpacing spacing = JsonSpacing::optional);
  Node json_string(int64_t min_length = 0, int64_t max_length = unlimited);
  /// This one value, members in their order.
  Node json_constant(const nlohmann::ordered_json& value,
                     JsonSpacing spacing = JsonSpacing::optional);
  /// Values of a JSON Schema, properties in the order declared. docs/decisions/0008 lists what is
  /// enforced and what is refused; messages name the keyword's JSON pointer.
  Node json_schema_text(std::string_view schema, JsonSpacing spacing = JsonSpacing::optional);
  Node json_schema(const nlohmann::ordered_json& schema,
                   JsonSpacing spacing = JsonSpacing::optional);
  /// The same of `part`, a schema whose references lead into `root`.
  Node json_schema_part(const nlohmann::ordered_json& root, const nlohmann::ordered_json& part,
                        JsonSpacing spacing = JsonSpacing::optional);
  /// The strings that `part` allows, as they are and not as JSON writes them; nothing: any. Lengths
  /// of more than 256 characters are not counted.
  std::optional<Node> schema_texts(const nlohmann::ordered_json& root,
                                   const nlohmann::ordered_json& part);
  /// Texts that the whole expression matches. The syntax is in regex_parser.h.
  Node regex(std::string_view pattern);
  /// A grammar in llama.cpp's notation; its rule `root`.
  Node gbnf(std::string_view text);

  /// Throws invalid_input naming the rule for left recursion, an undefined rule, or a grammar that
  /// no finite text satisfies. The builder may go on and build others.
  Grammar build(Node root);

  /// For the front ends of this folder.
  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

/// Parses a schema's text keeping the order of members. Throws invalid_input (syntax with its
/// place, a key twice, nesting or size beyond the budget).
nlohmann::ordered_json parse_schema(std::string_view text, const Budget& budget = {});

/// What DeepSeek's strict tools demand of a function's parameters: an object in which, at every
/// level, all properties are required and additionalProperties is false. Throws invalid_input
/// naming the JSON pointer.
void check_strict_schema(const nlohmann::ordered_json& schema);

/// The tokens of a vocabulary arranged for masks: their texts as a trie, what ends generation, what
/// is special. Built once per tokenizer and shared. Immutable.
class Vocabulary {
 public:
  /// Special tokens never match text, nor do ids without text. `end_tokens` are allowed exactly
  /// where a sentence may end. Ids from `most` on, which the model has no logits for, are left out.
  static std::shared_ptr<const Vocabulary> from_tokenizer(const Tokenizer& tokenizer,
                                                          std::span<const int32_t> end_tokens,
                                                          int64_t most = unlimited);
  /// texts[id] are the bytes of token id; empty: never matches text (special).
  static std::shared_ptr<const Vocabulary> from_texts(std::span<const std::string> texts,
                                                      std::span<const int32_t> end_tokens);
  virtual ~Vocabulary() = default;

  /// One past the highest id; bits from there on are never set.
  virtual int64_t size() const = 0;
  /// Words of 64 bits in a mask.
  int64_t mask_words() const { return (size() + 63) / 64; }

 protected:
  Vocabulary() = default;
};

/// A grammar ready for a vocabulary, with the masks found so far. A handle, cheap to copy; keep it
/// to serve the same schema again. Any number of threads may use it.
class Constraint {
 public:
  /// Throws invalid_input when the vocabulary cannot spell any sentence.
  Constraint(const Grammar& grammar, const std::shared_ptr<const Vocabulary>& vocabulary);
  const Vocabulary& vocabulary() const;
  /// The fewest tokens in which a sentence is known to be possible, the end token not counted.
  int64_t min_tokens() const;
  /// Roughly the memory it holds now, the vocabulary not counted: at most some 50 MiB.
  int64_t size_bytes() const;

  struct Parts;

 private:
  friend class Matcher;
  std::shared_ptr<Parts> parts_;
};

/// Follows one sequence. Cheap to copy: a copy goes its own way. Not for two threads at once. What
/// it answers depends on grammar, vocabulary and the tokens accepted alone. Where that takes more
/// steps than the budget has, the constructor, fill_mask, allows, accept, accept_text (each byte)
/// and forced_bytes throw invalid_input; nothing was accepted then.
class Matcher {
 public:
  /// How far back rollback can go.
  static constexpr int64_t max_rollback = 256;

  explicit Matcher(Constraint constraint);

  /// Sets bit id % 64 of mask[id / 64] for each token that may come next, clears all others. `mask`
  /// holds at least Vocabulary::mask_words() words; words beyond are cleared.
  /// `remaining_tokens`: how many more tokens there is room for, this one counted, an end token
  /// not. As it runs out only tokens from which the sentence can still be completed in time remain;
  /// if none can, those with the shortest way to complete. Never empty.
  void fill_mask(std::span<uint64_t> mask, int64_t remaining_tokens = unlimited);
  /// Whether accept would succeed.
  bool allows(int32_t token);
  /// Takes one token; false, and nothing changes, when the grammar does not allow it.
  bool accept(int32_t token);
  /// Takes text, as one step for rollback; for a reply that is begun by the caller.
  bool accept_text(std::string_view text);
  /// Undoes the last `steps` accepts. Throws invalid_input beyond max_rollback or the beginning.
  void rollback(int64_t steps);

  /// What was accepted is a sentence: an end token may come.
  bool is_complete() const;
  /// Nothing but an end token may come, or one came.
  bool is_finished() const;
  /// The bytes that must follow here, at most 1,024; empty when there is a choice, or the sentence
  /// may end.
  std::string forced_bytes();
  /// The fewest tokens that are known to complete the sentence from here, the end token not
  /// counted.
  int64_t min_tokens() const;

 private:
  struct Place {
    std::shared_ptr<class Space> space;
    int32_t set;
    bool ended = false;
    bool complete = false, open = false;
    int32_t need = 0;
  };
  void push(Place place);
  /// The present set, carried into the space that is in use.
  int32_t enter();

  Constraint constraint_;
  std::vector<Place> places_;  // the last is now
};

}  // namespace deepseek::grammar
