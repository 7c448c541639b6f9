// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "formats/grammar/masks.h"

namespace deepseek::grammar {

bool Grammar::matches(std::string_view text) const {
  Meter meter({.steps = unlimited});
  const Spelling spelling = Spelling::any_byte();
  const std::vector<Need> needs = grammar::min_tokens(*automaton_, spelling, meter);
  MatchMeter steps(unlimited);
  Space space(*automaton_, needs, spelling, steps);
  int32_t set = space.start();
  for (size_t i = 0; i < text.size() && set != Space::dead; ++i)
    set = space.step(set, uint8_t(text[i]));
  return set != Space::dead && space.at(set).complete;
}

bool Grammar::matches_prefix(std::string_view text) const {
  Meter meter({.steps = unlimited});
  const Spelling spelling = Spelling::any_byte();
  const std::vector<Need> needs = grammar::min_tokens(*automaton_, spelling, meter);
  MatchMeter steps(unlimited);
  Space space(*automaton_, needs, spelling, steps);
  int32_t set = space.start();
  for (size_t i = 0; i < text.size() && set != Space::dead; ++i)
    set = space.step(set, uint8_t(text[i]));
  return set != Space::dead && space.at(set).alive();
}

int64_t Grammar::state_count() const { return int64_t(automaton_->states.size()); }
int64_t Grammar::rule_count() const { return int64_t(automaton_->starts.size()); }

Matcher::Matcher(Constraint constraint) : constraint_(std::move(constraint)) {
  const std::lock_guard hold(constraint_.parts_->lock);
  Constraint::Parts& parts = *constraint_.parts_;
  const std::shared_ptr<Space>& space = parts.current_space();
  push({space, parts.metered([&] { return space->start(); })});
}

void Matcher::push(Place place) {
  const Space::Set& set = place.space->at(place.set);
  place.complete = set.complete;
  place.open = set.need < Need::never;
  place.need = set.total_need();
  if (int64_t(places_.size()) > max_rollback) places_.erase(places_.begin());
  places_.push_back(std::move(place));
}

int32_t Matcher::enter() {
  Place& place = places_.back();
  const std::shared_ptr<Space>& space = constraint_.parts_->current_space();
  if (place.space != space) {
    place.set = space->carry(*place.space, place.set);
    place.space = space;
  }
  return place.set;
}

void Matcher::fill_mask(std::span<uint64_t> mask, int64_t remaining_tokens) {
  Constraint::Parts& parts = *constraint_.parts_;
  if (int64_t(mask.size()) < parts.trie->mask_words())
    fail(ErrorKind::invalid_input, "fill_mask: expected a mask of ", parts.trie->mask_words(),
         " words, got ", mask.size());
  const std::lock_guard hold(parts.lock);
  if (places_.back().ended) {
    std::fill(mask.begin(), mask.end(), 0);
    for (const int32_t token : parts.trie->end_tokens())
      mask[size_t(token) / 64] |= uint64_t(1) << (token % 64);
    return;
  }
  parts.fill(enter(), remaining_tokens, mask);
}

bool Matcher::allows(int32_t token) {
  Constraint::Parts& parts = *constraint_.parts_;
  if (token < 0 || token >= parts.trie->size()) return false;
  if (parts.trie->ends(token) && is_complete()) return true;
  if (places_.back().ended) return false;
  const std::lock_guard hold(parts.lock);
  return parts.after(enter(), token) != Space::dead;
}

bool Matcher::accept(int32_t token) {
  Constraint::Parts& parts = *constraint_.parts_;
  if (token < 0 || token >= parts.trie->size()) return false;
  const std::lock_guard hold(parts.lock);
  if (parts.trie->ends(token) && is_complete()) {
    Place place = places_.back();
    place.ended = true;
    push(std::move(place));
    return true;
  }
  if (places_.back().ended) return false;
  const int32_t next = parts.after(enter(), token);
  if (next == Space::dead) return false;
  push({places_.back().space, next});
  return true;
}

bool Matcher::accept_text(std::string_view text) {
  if (places_.back().ended) return false;
  Constraint::Parts& parts = *constraint_.parts_;
  const std::lock_guard hold(parts.lock);
  int32_t set = enter();
  Space& space = *places_.back().space;
  for (const char c : text) {
    set = parts.metered([&] { return space.step(set, uint8_t(c)); });
    if (set == Space::dead) return false;
  }
  if (!space.at(set).alive()) return false;
  push({places_.back().space, set});
  return true;
}

void Matcher::rollback(int64_t steps) {
  if (steps < 0 || steps >= int64_t(places_.size()))
    fail(ErrorKind::invalid_input, "rollback: expected 0 to ", places_.size() - 1, " steps, got ",
         steps);
  places_.resize(places_.size() - size_t(steps));
}

bool Matcher::is_complete() const { return places_.back().complete; }

bool Matcher::is_finished() const {
  return places_.back().ended || (places_.back().complete && !places_.back().open);
}

int64_t Matcher::min_tokens() const { return places_.back().need; }

std::string Matcher::forced_bytes() {
  if (places_.back().ended) return {};
  Constraint::Parts& parts = *constraint_.parts_;
  const std::lock_guard hold(parts.lock);
  const int32_t set = enter();
  return parts.metered([&] { return parts.forced(set); });
}

}  // namespace deepseek::grammar
