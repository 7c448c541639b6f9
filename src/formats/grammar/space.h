// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "formats/grammar/automaton.h"
#include "formats/grammar/min_tokens.h"
#include "formats/grammar/place_index.h"

namespace deepseek::grammar {

/// Where a rule is being read: the state to go on at when it ends, and who called there. Or a join:
/// several such frames of one depth, any of which may be the one, so that a text that can be read
/// in many ways keeps few configurations (a graph-structured stack; Tomita, 1985). Frames with the
/// same content are the same frame.
struct Frame {
  int32_t target, parent;                    // -1 in a join
  int32_t min, max;                          // of the counted text that was called
  int32_t depth;                             // frames below
  int32_t rest;                              // tokens needed after the rule ends
  int32_t reach;                             // the deepest that completing what stands below goes
  int32_t members_begin, members_size;       // a frame that is no join has itself alone
  int32_t returns_begin = -1, returns_size;  // where its end leads, once that was asked
  bool bounded() const { return min > 0 || max != no_limit; }
};

/// One way to read what came so far: a state, the frames under it, and in a counted text how many
/// characters are complete.
struct Config {
  int32_t state, frame, count;
  bool operator==(const Config&) const = default;
};

/// All configurations that matching a grammar has met, each set of them numbered once: a
/// deterministic automaton that grows as it is used. Who holds one may throw it away at any time
/// and carry the sets still wanted into a fresh one.
class Space {
 public:
  /// Frames below the first rule: its end is the end of the sentence; or, in an open set, unknown.
  static constexpr int32_t bottom = 0, open_bottom = 1;
  static constexpr int32_t dead = -1;

  struct Set {
    int32_t begin, size;  // configurations
    bool complete;        // some way to read it ended in the bottom frame
    int32_t need;         // tokens to complete, other than by being complete
    int32_t reach;        // the deepest frame that completing it takes
    int32_t row;          // of known steps, or -1
    int32_t total_need() const { return complete ? 0 : need; }
    /// Whether a sentence can be completed from here.
    bool alive() const { return complete || need < Need::never; }
  };

  /// All arguments must outlive this. Every step may throw as MatchMeter; it can be asked again.
  Space(const Automaton& automaton, const std::vector<Need>& needs, const Spelling& spelling,
        MatchMeter& meter);

  int32_t start();
  /// The state alone, not what it calls, in the bottom frame that is open.
  int32_t open_state(int32_t state);
  /// A configuration alone.
  int32_t alone(const Config& config);
  /// What follows when the rule called with this frame ends. Not for the bottom.
  int32_t resume(int32_t frame);
  int32_t step(int32_t set, uint8_t byte);
  /// The same, remembered: for sets that many steps are asked of.
  int32_t remembered_step(int32_t set, uint8_t byte);
  int32_t step_symbol(int32_t set, int32_t token);
  /// Drops what steps and ends are known to lead to; sets and frames keep their numbers.
  void forget();
  /// The same set in this space.
  int32_t carry(const Space& other, int32_t set);

  const Set& at(int32_t set) const { return sets_[set]; }
  std::span<const Config> configs(int32_t set) const {
    return std::span(configs_).subspan(sets_[set].begin, sets_[set].size);
  }
  const Frame& frame(int32_t frame) const { return frames_[frame]; }
  /// Tokens to complete from one configuration, Need::never if it cannot be.
  int32_t need(const Config& config) const;
  /// Roughly what this holds.
  size_t size_bytes() const;

 private:
  struct HashInts {
    size_t operator()(const std::vector<int32_t>& ints) const;
  };
  struct HashFrame {
    size_t operator()(const std::array<int32_t, 4>& key) const;
  };

  int32_t push(int32_t frame, const CallEdge& call);
  int32_t frame_of(int32_t target, int32_t parent, int32_t min, int32_t max);
  bool alike(int32_t a, int32_t b) const;
  /// One frame for all of `frames_to_join`, which are alike: of one depth, with the same bounds.
  int32_t join_of(std::span<const int32_t> frames_to_join);
  std::span<const int32_t> members(int32_t frame) const {
    return std::span(members_).subspan(frames_[frame].members_begin, frames_[frame].members_size);
  }
  /// Where reading goes on when the rule called with this frame ends: one configuration for each
  /// target. None at the bottom. Valid until the next call.
  std::span<const Config> returns(int32_t frame);
  /// Makes one of the configurations that differ in their callers alone, at the first one's place.
  void join_callers(std::vector<Config>& configs);
  /// Adds to `work_` what is not in it yet.
  void add_work(const Config& config);
  int32_t reach(const Config& config) const;
  int32_t advance(std::span<const Config> from, uint8_t byte);
  /// Cuts `work_` to the configurations that are shortest to complete.
  void keep_shortest();
  /// The set that `work_` and the calls and ends reachable from it make, or dead.
  int32_t close();
  int32_t intern(bool complete);

  const Automaton& automaton_;
  const std::vector<Need>& needs_;
  const Spelling& spelling_;
  std::vector<Frame> frames_;
  std::unordered_map<std::array<int32_t, 4>, int32_t, HashFrame> frame_numbers_;
  std::vector<int32_t> members_;
  std::vector<Config> returns_;
  std::unordered_map<std::vector<int32_t>, int32_t, HashInts> join_numbers_;
  std::vector<int32_t> resumed_;  // by frame; -2 unknown
  std::vector<Set> sets_;
  std::vector<Config> configs_;
  std::unordered_map<std::vector<int32_t>, int32_t, HashInts> set_numbers_;
  std::vector<std::array<int32_t, 256>> rows_;
  MatchMeter& meter_;
  std::vector<Config> work_, ends_;
  PlaceIndex met_, groups_;
  size_t indexed_ = 0;                               // how many of `work_` are in `met_`
  std::vector<std::pair<int32_t, int32_t>> joined_;  // place of the first, another's frame
  std::vector<int32_t> callers_, key_;
};

}  // namespace deepseek::grammar
