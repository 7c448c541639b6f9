// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/space.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace deepseek::grammar {
namespace {

constexpr int32_t unknown = -2;
// Ambiguous grammars may be read in many ways at once. Beyond these numbers the ways that are
// longest to complete are forgotten: what remains is still right, and can still be completed. Joins
// keep the number to states times depths, so that few grammars ever come near.
constexpr size_t max_configs = 1024, max_work = 4096;
// Up to here a list is searched faster than an index.
constexpr size_t few_configs = 12;

uint64_t mix(uint64_t hash, uint32_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15;
  return hash ^ hash >> 32;
}

uint64_t hash_of(const Config& config) {
  return mix(mix(mix(0, uint32_t(config.state)), uint32_t(config.frame)), uint32_t(config.count));
}

}  // namespace

size_t Space::HashInts::operator()(const std::vector<int32_t>& ints) const {
  uint64_t hash = ints.size();
  for (const int32_t value : ints) hash = mix(hash, uint32_t(value));
  return size_t(hash);
}

size_t Space::HashFrame::operator()(const std::array<int32_t, 4>& key) const {
  uint64_t hash = 0;
  for (const int32_t value : key) hash = mix(hash, uint32_t(value));
  return size_t(hash);
}

Space::Space(const Automaton& automaton, const std::vector<Need>& needs, const Spelling& spelling,
             MatchMeter& meter)
    : automaton_(automaton), needs_(needs), spelling_(spelling), meter_(meter) {
  for (const int32_t at : {bottom, open_bottom}) {
    frames_.push_back({-1, -1, 0, no_limit, 0, 0, 0, at, 1, 0, 0});
    members_.push_back(at);
    resumed_.push_back(dead);
  }
}

int32_t Space::start() {
  work_.assign(1, {automaton_.starts[0], bottom, 0});
  return close();
}

int32_t Space::open_state(int32_t state) { return alone({state, open_bottom, 0}); }

int32_t Space::alone(const Config& config) {
  work_.assign(1, config);
  return intern(false);
}

int32_t Space::resume(int32_t frame) {
  if (resumed_[frame] == unknown) {
    const std::span<const Config> after = returns(frame);
    work_.assign(after.begin(), after.end());
    const int32_t set = close();
    resumed_[frame] = set;
  }
  return resumed_[frame];
}

int32_t Space::frame_of(int32_t target, int32_t parent, int32_t min, int32_t max) {
  const auto [at, fresh] =
      frame_numbers_.try_emplace({target, parent, min, max}, int32_t(frames_.size()));
  if (fresh) {
    const Frame below = frames_[parent];
    const Need& need = needs_[target];
    frames_.push_back(
        {target, parent, min, max, below.depth + 1, std::min(Need::never, need.tokens + below.rest),
         std::max(below.reach, below.depth + need.depth), int32_t(members_.size()), 1, -1, 0});
    members_.push_back(at->second);
    resumed_.push_back(unknown);
  }
  return at->second;
}

int32_t Space::join_of(std::span<const int32_t> frames_to_join) {
  std::vector<int32_t> all;
  for (const int32_t frame : frames_to_join)
    all.insert(all.end(), members(frame).begin(), members(frame).end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() == 1) return all[0];
  const auto [at, fresh] = join_numbers_.try_emplace(std::move(all), int32_t(frames_.size()));
  if (fresh) {
    Frame join = frames_[at->first[0]];
    join.target = join.parent = -1;
    join.rest = Need::never;
    join.reach = max_frames + 1;
    // The way that is shortest to complete, of those that do not go too deep.
    for (const int32_t member : at->first) {
      const Frame& frame = frames_[member];
      if (frame.reach > max_frames) continue;
      if (std::tie(frame.rest, frame.reach) < std::tie(join.rest, join.reach)) {
        join.rest = frame.rest;
        join.reach = frame.reach;
      }
    }
    join.members_begin = int32_t(members_.size());
    join.members_size = int32_t(at->first.size());
    join.returns_begin = -1;
    members_.insert(members_.end(), at->first.begin(), at->first.end());
    frames_.push_back(join);
    resumed_.push_back(unknown);
  }
  return at->second;
}

std::span<const Config> Space::returns(int32_t frame) {
  if (frames_[frame].returns_begin < 0) {
    ends_.clear();
    for (const int32_t member : members(frame))
      ends_.push_back({frames_[member].target, frames_[member].parent, 0});
    meter_.keep(match_cost::end * int64_t(ends_.size()));
    join_callers(ends_);
    frames_[frame].returns_begin = int32_t(returns_.size());
    frames_[frame].returns_size = int32_t(ends_.size());
    returns_.insert(returns_.end(), ends_.begin(), ends_.end());
  }
  return std::span(returns_).subspan(frames_[frame].returns_begin, frames_[frame].returns_size);
}

bool Space::alike(int32_t a, int32_t b) const {
  const Frame &x = frames_[a], &y = frames_[b];
  return x.depth == y.depth && x.min == y.min && x.max == y.max;
}

void Space::join_callers(std::vector<Config>& configs) {
  const bool many = configs.size() > few_configs;
  if (many) groups_.reset(configs.size());
  joined_.clear();
  int32_t size = 0;
  for (const Config config : configs) {
    const auto joins = [&](int32_t place) {
      const Config& first = configs[place];
      return first.state == config.state && first.count == config.count &&
             alike(first.frame, config.frame);
    };
    int32_t place = -1;
    if (many) {
      const Frame& frame = frames_[config.frame];
      uint64_t hash = mix(mix(0, uint32_t(config.state)), uint32_t(config.count));
      hash = mix(mix(mix(hash, uint32_t(frame.depth)), uint32_t(frame.min)), uint32_t(frame.max));
      place = groups_.find_or_add(hash, size, joins);
    } else {
      for (int32_t at = 0; at < size && place < 0; ++at)
        if (joins(at)) place = at;
    }
    if (place < 0)
      configs[size++] = config;
    else
      joined_.emplace_back(place, config.frame);
  }
  configs.resize(size_t(size));
  std::sort(joined_.begin(), joined_.end());
  for (size_t i = 0; i < joined_.size();) {
    const int32_t place = joined_[i].first;
    callers_.assign(1, configs[place].frame);
    for (; i < joined_.size() && joined_[i].first == place; ++i)
      callers_.push_back(joined_[i].second);
    for (const int32_t caller : callers_)
      meter_.keep(match_cost::join * frames_[caller].members_size);
    configs[place].frame = join_of(callers_);
  }
}

void Space::add_work(const Config& config) {
  if (work_.size() < few_configs) {
    if (std::find(work_.begin(), work_.end(), config) == work_.end()) work_.push_back(config);
    return;
  }
  if (indexed_ == 0) met_.reset(std::max(max_work, work_.size() + 1));
  const auto add = [&](const Config& one) {
    return met_.find_or_add(hash_of(one), int32_t(indexed_),
                            [&](int32_t place) { return work_[place] == one; }) < 0;
  };
  for (; indexed_ < work_.size(); ++indexed_) add(work_[indexed_]);
  if (!add(config)) return;
  work_.push_back(config);
  ++indexed_;
}

int32_t Space::push(int32_t frame, const CallEdge& call) {
  const bool bounded = call.min > 0 || call.max != no_limit;
  // Nothing can follow in this rule: the callee returns to our caller, so that right recursion
  // takes no room.
  if (automaton_.states[call.target].leaf && !bounded && !frames_[frame].bounded()) return frame;
  return frame_of(call.target, frame, call.min, call.max);
}

int32_t Space::need(const Config& config) const {
  const Frame& frame = frames_[config.frame];
  int64_t tokens = int64_t(needs_[config.state].tokens) + frame.rest;
  if (frame.bounded() && !automaton_.states[config.state].leaf) {
    const int32_t begun = automaton_.states[config.state].counted ? 0 : 1;
    tokens += spelling_.run_cost(std::max(0, frame.min - config.count - begun));
  }
  return reach(config) > max_frames ? Need::never : int32_t(std::min<int64_t>(tokens, Need::never));
}

int32_t Space::reach(const Config& config) const {
  const Frame& frame = frames_[config.frame];
  return std::max(frame.reach, frame.depth + needs_[config.state].depth);
}

int32_t Space::step(int32_t set, uint8_t byte) {
  if (sets_[set].row >= 0) return remembered_step(set, byte);
  return advance(configs(set), byte);
}

int32_t Space::remembered_step(int32_t set, uint8_t byte) {
  if (sets_[set].row < 0) {
    meter_.keep(match_cost::row);
    sets_[set].row = int32_t(rows_.size());
    rows_.emplace_back().fill(unknown);
  }
  const int32_t row = sets_[set].row;
  if (rows_[row][byte] == unknown) {
    const int32_t target = advance(configs(set), byte);
    rows_[row][byte] = target;
  }
  return rows_[row][byte];
}

int32_t Space::advance(std::span<const Config> from, uint8_t byte) {
  meter_.keep(match_cost::byte * int64_t(from.size()));
  work_.clear();
  indexed_ = 0;
  for (const Config& config : from) {
    const int32_t target = automaton_.target(config.state, byte);
    if (target < 0) continue;
    Config next{target, config.frame, config.count};
    const Frame& frame = frames_[config.frame];
    if (frame.bounded()) {
      if (automaton_.states[config.state].counted) {
        const bool leaves = automaton_.states[target].leaf;
        if (leaves ? config.count < frame.min : config.count >= frame.max) continue;
      }
      if (automaton_.states[target].counted) ++next.count;
    }
    add_work(next);
  }
  return work_.empty() ? dead : close();
}

int32_t Space::step_symbol(int32_t set, int32_t token) {
  work_.clear();
  for (const Config& config : configs(set)) {
    const Automaton::State& state = automaton_.states[config.state];
    for (int32_t e = state.symbols_begin; e < state.symbols_end; ++e)
      if (automaton_.symbols[e].token == token)
        work_.push_back({automaton_.symbols[e].target, config.frame, 0});
  }
  return work_.empty() ? dead : close();
}

int32_t Space::close() {
  bool complete = false;
  indexed_ = 0;
  const auto visit = [&](const Config& config) {
    if (work_.size() < max_work) add_work(config);
  };
  for (size_t i = 0; i < work_.size(); ++i) {
    const Config config = work_[i];
    const Automaton::State& state = automaton_.states[config.state];
    meter_.keep(match_cost::visit * (1 + state.calls_end - state.calls_begin));
    if (state.accepting) {
      if (config.frame <= open_bottom) complete = true;
      const std::span<const Config> after = returns(config.frame);
      meter_.keep(match_cost::visit * int64_t(after.size()));
      for (const Config& next : after) visit(next);
    }
    for (int32_t c = state.calls_begin; c < state.calls_end; ++c) {
      const CallEdge& call = automaton_.calls[c];
      if (frames_[config.frame].depth >= max_frames) continue;
      visit({automaton_.starts[call.rule], push(config.frame, call), 0});
    }
  }
  std::erase_if(work_, [&](const Config& config) {
    const Automaton::State& state = automaton_.states[config.state];
    return state.bytes_begin == state.bytes_end && state.symbols_begin == state.symbols_end;
  });
  join_callers(work_);
  if (work_.size() > max_configs) keep_shortest();
  if (work_.empty() && !complete) return dead;
  meter_.keep(match_cost::config * int64_t(1 + work_.size()));
  return intern(complete);
}

void Space::keep_shortest() {
  meter_.keep(match_cost::sort * int64_t(work_.size()));
  std::vector<std::pair<int32_t, int32_t>> order;  // need, place
  order.reserve(work_.size());
  for (const Config& config : work_) order.emplace_back(need(config), int32_t(order.size()));
  std::sort(order.begin(), order.end());
  order.resize(max_configs);
  std::vector<Config> shortest;
  shortest.reserve(max_configs);
  for (const auto& [tokens, place] : order) shortest.push_back(work_[place]);
  work_ = std::move(shortest);
}

int32_t Space::intern(bool complete) {
  key_.assign(1, complete);
  for (const Config& config : work_)
    key_.insert(key_.end(), {config.state, config.frame, config.count});
  const auto [at, fresh] = set_numbers_.try_emplace(key_, int32_t(sets_.size()));
  if (fresh) {
    Set set{int32_t(configs_.size()), int32_t(work_.size()), complete, Need::never, 0, -1};
    for (const Config& config : work_) {
      set.need = std::min(set.need, need(config));
      set.reach = std::max(set.reach, reach(config));
    }
    configs_.insert(configs_.end(), work_.begin(), work_.end());
    sets_.push_back(set);
  }
  return at->second;
}

void Space::forget() {
  rows_.clear();
  for (Set& set : sets_) set.row = -1;
  std::fill(resumed_.begin() + open_bottom + 1, resumed_.end(), unknown);
  returns_.clear();
  for (size_t frame = open_bottom + 1; frame < frames_.size(); ++frame)
    frames_[frame].returns_begin = -1;
}

int32_t Space::carry(const Space& other, int32_t set) {
  // What a frame stands on, and what it joins, has lower numbers than it.
  std::map<int32_t, int32_t> carried{{bottom, bottom}, {open_bottom, open_bottom}};
  std::vector<int32_t> wanted;
  const auto want = [&](int32_t frame) {
    if (carried.emplace(frame, dead).second) wanted.push_back(frame);
  };
  for (const Config& config : other.configs(set)) want(config.frame);
  while (!wanted.empty()) {
    const int32_t frame = wanted.back();
    wanted.pop_back();
    for (const int32_t member : other.members(frame)) {
      want(member);
      want(other.frames_[member].parent);
    }
  }
  for (auto& [from, to] : carried) {
    const Frame& frame = other.frames_[from];
    if (from <= open_bottom) continue;
    if (frame.parent >= 0) {
      to = frame_of(frame.target, carried.at(frame.parent), frame.min, frame.max);
      continue;
    }
    std::vector<int32_t> joined;
    for (const int32_t member : other.members(from)) joined.push_back(carried.at(member));
    to = join_of(joined);
  }
  const std::span<const Config> configs = other.configs(set);
  work_.assign(configs.begin(), configs.end());
  for (Config& config : work_) config.frame = carried.at(config.frame);
  return intern(other.sets_[set].complete);
}

size_t Space::size_bytes() const {
  return rows_.size() * sizeof(rows_[0]) + configs_.size() * 2 * sizeof(Config) +
         sets_.size() * (sizeof(Set) + 96) + frames_.size() * (sizeof(Frame) + 64) +
         members_.size() * 2 * sizeof(int32_t) + returns_.size() * sizeof(Config);
}

}  // namespace deepseek::grammar
