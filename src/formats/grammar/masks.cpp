// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/masks.h"

#include <algorithm>

namespace deepseek::grammar {

Constraint::Parts::Parts(std::shared_ptr<const Automaton> grammar,
                         std::shared_ptr<const TokenTrie> vocabulary, int64_t mask_steps)
    : automaton(std::move(grammar)),
      trie(std::move(vocabulary)),
      spelling{trie.get()},
      meter(mask_steps),
      locals_(*automaton, needs, *trie, meter) {
  Meter free({.steps = unlimited});  // the grammar is within budget; this is a constant time it
  needs = grammar::min_tokens(*automaton, spelling, free);
  space_ = std::make_shared<Space>(*automaton, needs, spelling, meter);
}

const std::shared_ptr<Space>& Constraint::Parts::current_space() {
  constexpr size_t limit_bytes = size_t{16} << 20;
  locals_.trim();
  if (space_->size_bytes() > limit_bytes) {
    space_ = std::make_shared<Space>(*automaton, needs, spelling, meter);
    masks_.clear();
    mask_of_.clear();
  }
  return space_;
}

void Constraint::Parts::forget() {
  space_->forget();
  locals_.forget();
  masks_.clear();
  mask_of_.clear();
  meter.forget();
}

void Constraint::Parts::add(Needs& found, int64_t need, int64_t limit,
                            std::span<const int32_t> tokens, std::span<uint64_t> mask) const {
  if (need >= Need::never || tokens.empty()) return;
  found.least = std::min(found.least, int32_t(need));
  found.most = std::max(found.most, int32_t(need));
  if (need > limit) return;
  for (const int32_t id : tokens) mask[size_t(id) / 64] |= uint64_t(1) << (id % 64);
}

void Constraint::Parts::add(Needs& found, int64_t need, int64_t limit, const TokenSet& tokens,
                            std::span<uint64_t> mask) const {
  if (need >= Need::never || tokens.empty()) return;
  found.least = std::min(found.least, int32_t(need));
  found.most = std::max(found.most, int32_t(need));
  if (need <= limit) tokens.add_to(mask);
}

/// Tokens of the nodes below `node`, where the set stands.
void Constraint::Parts::compose_below(int32_t set, int32_t node, int64_t limit,
                                      std::span<uint64_t> mask, Needs& found) {
  const int32_t base = trie->depth(node);
  std::vector<int32_t> path{set};
  int64_t visited = 0;
  for (int32_t at = node + 1; at < trie->end(node);) {
    path.resize(size_t(trie->depth(at) - base));
    const int32_t next = space_->remembered_step(path.back(), trie->byte(at));
    ++visited;
    if (next == Space::dead) {
      at = trie->end(at);
      continue;
    }
    add(found, space_->at(next).total_need(), limit, trie->tokens(at), mask);
    path.push_back(next);
    ++at;
  }
  meter.step(match_cost::node * (1 + visited));
}

void Constraint::Parts::compose_config(const Config& config, int64_t limit,
                                       std::span<uint64_t> mask, Needs& found) {
  const Automaton::State& state = automaton->states[config.state];
  for (int32_t e = state.symbols_begin; e < state.symbols_end; ++e) {
    const int32_t token = automaton->symbols[e].token;
    if (!spelling.has_token(token)) continue;
    const int32_t next = space_->step_symbol(space_->alone(config), token);
    if (next != Space::dead) add(found, space_->at(next).total_need(), limit, {&token, 1}, mask);
  }
  if (state.bytes_begin == state.bytes_end) return;
  const LocalMask& local = locals_.find(config.state, *space_);
  const Frame frame = space_->frame(config.frame);
  if (std::max(frame.reach, frame.depth + local.reach) > max_frames)
    return compose_below(space_->alone(config), 0, limit, mask, found);
  const bool bounded = frame.bounded();
  for (const LocalMask::Group& group : local.groups) {
    const int64_t chars = int64_t(config.count) + group.chars;
    int64_t need = int64_t(group.need) + frame.rest;
    if (bounded) {
      if (chars > frame.max) continue;
      need += spelling.run_cost(std::max<int64_t>(0, frame.min - chars));
    }
    add(found, need, limit, group.tokens, mask);
    meter.step(1 + int64_t(group.tokens.ids.size() + group.tokens.bits.size()) / 4);
  }
  const bool in_caller = config.frame != Space::bottom;
  const int32_t caller = in_caller ? space_->resume(config.frame) : Space::dead;
  if (in_caller && caller == Space::dead) return;
  const int32_t need = in_caller ? space_->at(caller).total_need() : 0;
  add(found, need, limit, local.ending, mask);
  meter.step(int64_t(local.exits.size()));
  for (const LocalMask::Exit& exit : local.exits) {
    const int64_t chars = int64_t(config.count) + exit.chars;
    if (bounded && (chars < frame.min || chars > frame.max)) continue;
    if (automaton->states[automaton->starts[state.rule]].counted)
      add(found, need, limit, trie->tokens(exit.node), mask);
    if (in_caller) compose_below(caller, exit.node, limit, mask, found);
  }
}

Constraint::Parts::Needs Constraint::Parts::compose(int32_t set, int64_t limit,
                                                    std::span<uint64_t> mask) {
  Needs found;
  // A copy: composing makes new sets.
  const std::vector<Config> configs(space_->configs(set).begin(), space_->configs(set).end());
  for (const Config& config : configs) compose_config(config, limit, mask, found);
  return found;
}

const Constraint::Parts::Known& Constraint::Parts::known(int32_t set) {
  if (const auto at = mask_of_.find(set); at != mask_of_.end()) {
    masks_.splice(masks_.begin(), masks_, at->second);
    meter.spare(masks_.front().steps);
    return masks_.front();
  }
  constexpr size_t most = 128;
  if (masks_.size() == most) {
    mask_of_.erase(masks_.back().set);
    masks_.pop_back();
  }
  Known fresh{set, 0, 0, std::vector<uint64_t>(size_t(trie->mask_words()))};
  const int64_t before = meter.unkept();
  fresh.most = compose(set, unlimited, fresh.mask).most;
  fresh.steps = meter.unkept() - before;
  masks_.push_front(std::move(fresh));
  mask_of_.emplace(set, masks_.begin());
  return masks_.front();
}

void Constraint::Parts::fill(int32_t set, int64_t remaining, std::span<uint64_t> mask) {
  metered([&] {
    std::fill(mask.begin(), mask.end(), 0);
    fill_once(set, remaining, mask);
    return true;
  });
}

void Constraint::Parts::fill_once(int32_t set, int64_t remaining, std::span<uint64_t> mask) {
  const Known& all = known(set);
  const int64_t limit = std::max<int64_t>(remaining, 1) - 1;
  if (remaining > 0 && all.most <= limit) {
    std::copy(all.mask.begin(), all.mask.end(), mask.begin());
  } else if (remaining > 0 || !space_->at(set).complete) {
    const Needs needs = compose(set, limit, mask);
    if (needs.least > limit && needs.least < Need::never && !space_->at(set).complete)
      compose(set, needs.least, mask);
  }
  if (space_->at(set).complete)
    for (const int32_t token : trie->end_tokens())
      mask[size_t(token) / 64] |= uint64_t(1) << (token % 64);
}

int32_t Constraint::Parts::after(int32_t set, int32_t token) {
  return metered([&] { return after_once(set, token); });
}

int32_t Constraint::Parts::after_once(int32_t set, int32_t token) {
  if (const int32_t next = space_->step_symbol(set, token); next != Space::dead)
    return space_->at(next).alive() ? next : Space::dead;
  const std::string_view text = trie->text(token);
  if (text.empty()) return Space::dead;
  for (const char c : text) {
    set = space_->step(set, uint8_t(c));
    if (set == Space::dead) return set;
  }
  return space_->at(set).alive() ? set : Space::dead;
}

std::string Constraint::Parts::forced(int32_t set) {
  constexpr size_t limit = 1024;
  std::string forced;
  while (forced.size() < limit && !space_->at(set).complete) {
    int only = -1;
    for (const Config& config : space_->configs(set)) {
      const Automaton::State& state = automaton->states[config.state];
      if (state.symbols_begin != state.symbols_end || state.bytes_end - state.bytes_begin != 1)
        return forced;
      const ByteEdge& edge = automaton->bytes[state.bytes_begin];
      if (edge.first != edge.last || (only >= 0 && only != edge.first)) return forced;
      only = edge.first;
    }
    if (only < 0) return forced;
    const int32_t next = space_->step(set, uint8_t(only));
    if (next == Space::dead) return forced;
    forced += char(only);
    set = next;
  }
  return forced;
}

size_t Constraint::Parts::size_bytes() const {
  return locals_.size_bytes() + space_->size_bytes() +
         masks_.size() * size_t(trie->mask_words()) * sizeof(uint64_t) +
         automaton->states.size() * (sizeof(Automaton::State) + sizeof(Need)) +
         automaton->bytes.size() * sizeof(ByteEdge);
}

Constraint::Constraint(const Grammar& grammar, const std::shared_ptr<const Vocabulary>& vocabulary)
    : parts_(std::make_shared<Parts>(grammar.automaton_,
                                     std::static_pointer_cast<const TokenTrie>(vocabulary),
                                     grammar.mask_steps_)) {
  if (!parts_->needs[0].possible())
    fail(ErrorKind::invalid_input,
         "grammar: expected a vocabulary that can spell a sentence, got one that lacks bytes or "
         "tokens for every one");
}

const Vocabulary& Constraint::vocabulary() const { return *parts_->trie; }

int64_t Constraint::size_bytes() const {
  const std::lock_guard hold(parts_->lock);
  return int64_t(parts_->size_bytes());
}

int64_t Constraint::min_tokens() const { return parts_->needs[0].tokens; }

}  // namespace deepseek::grammar
