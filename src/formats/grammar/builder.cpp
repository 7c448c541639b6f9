// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "formats/grammar/builder_parts.h"
#include "formats/grammar/min_tokens.h"
#include "formats/grammar/nfa.h"

namespace deepseek::grammar {

Node Builder::Parts::add(NodeData node) {
  if (int64_t(nodes.size()) >= meter.budget().nodes)
    Meter::exceeded("nodes", int64_t(nodes.size()) + 1, meter.budget().nodes);
  meter.check_states(node.size);
  const auto take = [&](int32_t child) {
    node.depth = std::max(node.depth, nodes[child].depth + 1);
    node.regular = node.regular && nodes[child].regular;
    node.finite = node.finite && nodes[child].finite;
  };
  for (const int32_t child : node.children) take(child);
  for (const JoinedItem& item : node.items) take(item.node.id);
  if (node.depth > 8 * meter.budget().depth)
    Meter::exceeded("depth", node.depth, 8 * meter.budget().depth);
  nodes.push_back(std::move(node));
  return {int32_t(nodes.size()) - 1};
}

Node Builder::Parts::chars(const CharSet& set) {
  NodeData node{.kind = NodeKind::chars};
  node.ranges = utf8_ranges(set);
  for (const ByteRanges& range : node.ranges) node.size += range.size - 1;
  meter.step(node.size);
  // Large sets of many scripts share their ends: a third of the states.
  constexpr int64_t large = 24;
  if (node.size < large) return add(std::move(node));
  Dfa small = determinise(add(std::move(node)));
  minimise_acyclic(small);
  return dfa(std::move(small), true);
}

Node Builder::Parts::dfa(Dfa automaton, bool finite) {
  NodeData node{.kind = NodeKind::dfa};
  node.size = int64_t(automaton.states.size()) + 1;
  node.finite = finite;
  node.target = int32_t(dfas.size());
  const Node result = add(std::move(node));
  dfas.push_back(std::move(automaton));
  return result;
}

Node Builder::Parts::call(Rule rule, int64_t min, int64_t max) {
  NodeData node{.kind = NodeKind::call};
  node.regular = false;
  node.min = min;
  node.max = max;
  node.target = rule.id;
  return add(std::move(node));
}

Dfa Builder::Parts::determinise(Node node) {
  const Nfa nfa = nfa_of(*this, node);
  Dfa result = grammar::determinise(nfa, meter);
  meter.forget_states(int64_t(nfa.states.size() + result.states.size()));
  trim(result);
  return result;
}

bool Builder::Parts::inlined(int32_t index, int nesting) {
  // A character class or a few words: as calls they would end within most tokens, and what comes
  // after a call is not known beforehand.
  constexpr int64_t small = 64;
  RuleData& rule = rules[index];
  if (rule.inlined != -1) return rule.inlined == 1;
  rule.inlined = 0;  // also while looking, for rules that refer to themselves
  if (nesting > 16) return false;
  if (rule.body.id < 0) return false;
  std::vector<int32_t> open{rule.body.id};
  int64_t size = 0;
  while (!open.empty()) {
    const NodeData node = at({open.back()});
    open.pop_back();
    size = saturated_sum(size, node.size);
    if (node.kind == NodeKind::call) {
      if (!inlined(node.target, nesting + 1)) return false;
      open.push_back(rules[node.target].body.id);
    }
    if ((!node.finite && node.kind != NodeKind::call) || node.kind == NodeKind::symbol ||
        size > small)
      return false;
    open.insert(open.end(), node.children.begin(), node.children.end());
    for (const JoinedItem& item : node.items) open.push_back(item.node.id);
  }
  rules[index].inlined = 1;
  return true;
}

Builder::Builder(const Budget& budget) : parts_(std::make_unique<Parts>(budget)) {}
Builder::~Builder() = default;
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(Builder&&) noexcept = default;

Node Builder::empty() { return literal(""); }

Node Builder::literal(std::string_view text) {
  parts_->meter.check_source(text);
  NodeData node{.kind = NodeKind::literal};
  node.text = std::string(text);
  node.size = std::max<int64_t>(1, int64_t(text.size()));
  return parts_->add(std::move(node));
}

Node Builder::literals(std::span<const std::string> texts) {
  std::vector<Node> options;
  for (const std::string& text : texts) options.push_back(literal(text));
  return choice(options);
}

Node Builder::byte_range(uint8_t first, uint8_t last) {
  if (first > last)
    fail(ErrorKind::invalid_input, "grammar: expected a range of bytes, got ", int(first), " to ",
         int(last));
  NodeData node{.kind = NodeKind::chars};
  node.ranges.push_back({1, {first}, {last}});
  return parts_->add(std::move(node));
}

Node Builder::chars(std::span<const CharRange> ranges, bool negated) {
  const CharSet set(ranges);
  return parts_->chars(negated ? set.complement() : set);
}

Node Builder::any_char() { return parts_->chars(CharSet::all()); }

Node Builder::special_token(int32_t id) {
  NodeData node{.kind = NodeKind::symbol};
  node.regular = false;
  node.target = id;
  return parts_->add(std::move(node));
}

Node Builder::marker(const Tokenizer& tokenizer, std::string_view spelling) {
  const std::optional<int32_t> id = tokenizer.find_token(spelling);
  return id && tokenizer.is_special(*id) ? special_token(*id) : literal(spelling);
}

Node Builder::sequence(std::initializer_list<Node> parts) {
  return sequence(std::span(parts.begin(), parts.size()));
}

Node Builder::sequence(std::span<const Node> parts) {
  if (parts.size() == 1) return parts[0];
  NodeData node{.kind = NodeKind::sequence};
  for (const Node part : parts) {
    node.children.push_back(part.id);
    node.size = saturated_sum(node.size, saturated_sum(parts_->at(part).size, 1));
  }
  return parts_->add(std::move(node));
}

Node Builder::choice(std::initializer_list<Node> options) {
  return choice(std::span(options.begin(), options.size()));
}

Node Builder::choice(std::span<const Node> options) {
  if (options.empty())
    fail(ErrorKind::invalid_input, "grammar: expected at least one alternative, got none");
  if (options.size() == 1) return options[0];
  NodeData node{.kind = NodeKind::choice};
  for (const Node option : options) {
    node.children.push_back(option.id);
    node.size = saturated_sum(node.size, parts_->at(option).size);
  }
  return parts_->add(std::move(node));
}

Node Builder::repeat(Node item, int64_t min, int64_t max) {
  if (min < 0 || max < min)
    fail(ErrorKind::invalid_input, "grammar: expected a repetition from a least to a greatest ",
         "number, got ", min, " to ", max);
  if (min == 1 && max == 1) return item;
  if (max == 0) return empty();
  NodeData node{.kind = NodeKind::repeat};
  node.children.push_back(item.id);
  node.min = min;
  node.max = max;
  node.finite = max != unlimited;
  const int64_t copies = max == unlimited ? saturated_sum(min, 1) : max;
  node.size = saturated_sum(3, saturated_product(copies, saturated_sum(parts_->at(item).size, 1)));
  return parts_->add(std::move(node));
}

Node Builder::joined(std::span<const JoinedItem> items, Node separator) {
  NodeData node{.kind = NodeKind::joined};
  node.children.push_back(separator.id);
  node.items.assign(items.begin(), items.end());
  node.size = 2;
  for (const JoinedItem& item : items) {
    node.finite = node.finite && !item.repeats;
    const int64_t separators = saturated_product(item.repeats ? 2 : 1, parts_->at(separator).size);
    node.size = saturated_sum(
        node.size, saturated_sum(saturated_sum(parts_->at(item.node).size, 4), separators));
  }
  return parts_->add(std::move(node));
}

Node Builder::intersection(Node a, Node b) {
  if (!parts_->at(a).regular || !parts_->at(b).regular)
    fail(ErrorKind::invalid_input, "grammar: expected regular languages to intersect");
  return parts_->dfa(product(parts_->determinise(a), parts_->determinise(b), true, parts_->meter));
}

Node Builder::difference(Node a, Node b) {
  if (!parts_->at(a).regular || !parts_->at(b).regular)
    fail(ErrorKind::invalid_input, "grammar: expected regular languages to subtract");
  return parts_->dfa(product(parts_->determinise(a), parts_->determinise(b), false, parts_->meter));
}

Rule Builder::rule(std::string_view name) {
  if (int64_t(parts_->rules.size()) >= parts_->meter.budget().rules)
    Meter::exceeded("rules", int64_t(parts_->rules.size()) + 1, parts_->meter.budget().rules);
  parts_->rules.push_back({.name = std::string(name), .body = {}});
  return {int32_t(parts_->rules.size()) - 1};
}

void Builder::define(Rule rule, Node body) {
  RuleData& data = parts_->rules[rule.id];
  if (data.body.id >= 0)
    fail(ErrorKind::invalid_input, "grammar: rule ", printable(data.name),
         ": expected one definition, got two");
  data.body = body;
}

Node Builder::ref(Rule rule) { return parts_->call(rule, 0, no_limit); }

Node Builder::shared(std::string_view name, Node body) {
  const Rule made = rule(name);
  define(made, body);
  return ref(made);
}

Grammar Builder::build(Node root) {
  auto automaton = std::make_shared<Automaton>();
  // Rules get their numbers in the order in which they are met.
  std::vector<int32_t> number(parts_->rules.size(), -1), order;
  const auto number_of = [&](int32_t rule) {
    if (number[rule] < 0) {
      number[rule] = int32_t(order.size()) + 1;
      order.push_back(rule);
    }
    return number[rule];
  };
  const auto append = [&](Node body, const std::string& name) {
    const NodeData& data = parts_->at(body);
    Dfa dfa = data.kind == NodeKind::dfa ? parts_->dfas[data.target] : parts_->determinise(body);
    for (Dfa::State& state : dfa.states)
      for (CallEdge& call : state.calls) call.rule = number_of(call.rule);
    parts_->meter.check_states(int64_t(automaton->states.size() + dfa.states.size()));
    automaton->append(dfa, name);
  };
  append(root, "root");
  for (size_t i = 0; i < order.size(); ++i) {
    const RuleData rule = parts_->rules[order[i]];
    if (rule.body.id < 0)
      fail(ErrorKind::invalid_input, "grammar: rule ", printable(rule.name),
           ": expected a definition, got none");
    append(rule.body, rule.name);
  }
  check_left_recursion(*automaton);
  const std::vector<Need> needs = min_tokens(*automaton, Spelling::any_byte(), parts_->meter);
  if (!needs[0].possible())
    fail(ErrorKind::invalid_input,
         "grammar: expected a finite text that satisfies it, got none: every way to complete it "
         "repeats itself or contradicts itself");
  if (needs[0].depth > max_frames) Meter::exceeded("depth", needs[0].depth, max_frames);
  return Grammar(std::move(automaton), parts_->meter.budget().mask_steps);
}

}  // namespace deepseek::grammar
