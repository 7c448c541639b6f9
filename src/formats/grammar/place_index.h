// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace deepseek::grammar {

/// Finds the places of a list by hash. Emptied in constant time, so that it may serve many short
/// lists.
class PlaceIndex {
 public:
  /// Empties it and makes room for `most` places.
  void reset(size_t most) {
    const size_t slots = std::bit_ceil(2 * most + 1);
    if (slots > slots_.size()) slots_.resize(slots);
    last_ = slots - 1;
    ++round_;
  }

  /// A place of this hash that `is_it` holds for; without one adds `place` and returns -1.
  template <class IsIt>
  int32_t find_or_add(uint64_t hash, int32_t place, const IsIt& is_it) {
    for (size_t at = hash & last_;; at = (at + 1) & last_) {
      Slot& slot = slots_[at];
      if (slot.round != round_) {
        slot = {round_, place};
        return -1;
      }
      if (is_it(slot.place)) return slot.place;
    }
  }

 private:
  struct Slot {
    int64_t round = 0;
    int32_t place = 0;
  };
  std::vector<Slot> slots_;
  size_t last_ = 0;
  int64_t round_ = 0;
};

}  // namespace deepseek::grammar
