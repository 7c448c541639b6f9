// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace deepseek {

/// Merges waiting to be applied, lowest rank first and leftmost among equals. Positions of a rank
/// mostly arrive in order, so they are kept as a sorted list, and only stragglers in a heap:
/// push and pop cost O(log n), and a run of one letter costs O(1) each.
class MergeQueue {
 public:
  struct Entry {
    uint32_t rank, position;
  };
  void start(size_t rank_count);
  void push(Entry entry);
  /// Takes the first entry; false if there is none.
  bool pop(Entry& entry);

 private:
  struct Bucket {
    std::vector<uint32_t> list;  // ascending from `next` on, once opened
    size_t next = 0;
    bool opened = false, sorted = true;
    std::vector<uint32_t> late;  // a heap of what came after opening
  };
  std::vector<uint32_t> bucket_of_rank_;  // index + 1, 0 for none
  std::vector<uint32_t> ranks_;           // a heap of the ranks that have a bucket
  std::vector<Bucket> buckets_;
  std::vector<uint32_t> free_buckets_;
};

}  // namespace deepseek
