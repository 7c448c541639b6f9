// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/space.h"

#include <algorithm>

namespace deepseek::grammar {
namespace {

constexpr int32_t unknown = -2;
// Ambiguous grammars may be read in many ways at once. Beyond these numbers the ways that are
// longest to complete are forgotten: what remains is still right, and can still be completed.
constexpr size_t max_configs = 256, max_work = 4096;

uint64_t mix(uint64_t hash, uint32_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15;
  return hash ^ hash >> 32;
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

Space::Space(const Automaton& automaton, const std::vector<Need>& needs, const Spelling& spelling)
    : automaton_(automaton), needs_(needs), spelling_(spelling) {
  frames_.assign(2, {-1, -1, 0, no_limit, 0, 0, 0});
  resumed_.assign(2, dead);
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
    work_.assign(1, {frames_[frame].target, frames_[frame].parent, 0});
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
    frames_.push_back({target, parent, min, max, below.depth + 1,
                       std::min(Need::never, need.tokens + below.rest),
                       std::max(below.reach, below.depth + need.depth)});
    resumed_.push_back(unknown);
  }
  return at->second;
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
  work_.clear();
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
    if (std::find(work_.begin(), work_.end(), next) == work_.end()) work_.push_back(next);
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
  const auto visit = [&](const Config& config) {
    if (work_.size() < max_work && std::find(work_.begin(), work_.end(), config) == work_.end())
      work_.push_back(config);
  };
  for (size_t i = 0; i < work_.size(); ++i) {
    const Config config = work_[i];
    const Automaton::State& state = automaton_.states[config.state];
    if (state.accepting) {
      const Frame& frame = frames_[config.frame];
      if (config.frame <= open_bottom)
        complete = true;
      else
        visit({frame.target, frame.parent, 0});
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
  if (work_.size() > max_configs) {
    std::stable_sort(work_.begin(), work_.end(),
                     [&](const Config& a, const Config& b) { return need(a) < need(b); });
    work_.resize(max_configs);
  }
  return work_.empty() && !complete ? dead : intern(complete);
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

int32_t Space::carry(const Space& other, int32_t set) {
  std::vector<Config> carried;
  std::vector<int32_t> path;
  for (Config config : other.configs(set)) {
    path.clear();
    for (int32_t f = config.frame; f > open_bottom; f = other.frames_[f].parent) path.push_back(f);
    config.frame = bottom;
    while (!path.empty()) {
      const Frame& frame = other.frames_[path.back()];
      config.frame = frame_of(frame.target, config.frame, frame.min, frame.max);
      path.pop_back();
    }
    carried.push_back(config);
  }
  work_ = std::move(carried);
  return intern(other.sets_[set].complete);
}

size_t Space::size_bytes() const {
  return rows_.size() * sizeof(rows_[0]) + configs_.size() * 2 * sizeof(Config) +
         sets_.size() * (sizeof(Set) + 96) + frames_.size() * (sizeof(Frame) + 64);
}

}  // namespace deepseek::grammar
