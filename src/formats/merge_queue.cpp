// SPDX-License-Identifier: Apache-2.0
#include "formats/merge_queue.h"

#include <algorithm>
#include <functional>

namespace deepseek {

void MergeQueue::start(size_t rank_count) {
  if (bucket_of_rank_.size() < rank_count) bucket_of_rank_.resize(rank_count, 0);
}

void MergeQueue::push(Entry entry) {
  uint32_t& slot = bucket_of_rank_[entry.rank];
  if (slot == 0) {
    if (free_buckets_.empty()) {
      buckets_.emplace_back();
      slot = uint32_t(buckets_.size());
    } else {
      slot = free_buckets_.back();
      free_buckets_.pop_back();
    }
    ranks_.push_back(entry.rank);
    std::push_heap(ranks_.begin(), ranks_.end(), std::greater<>());
  }
  Bucket& bucket = buckets_[slot - 1];
  if (bucket.opened) {
    bucket.late.push_back(entry.position);
    std::push_heap(bucket.late.begin(), bucket.late.end(), std::greater<>());
  } else {
    bucket.sorted = bucket.sorted && (bucket.list.empty() || bucket.list.back() < entry.position);
    bucket.list.push_back(entry.position);
  }
}

bool MergeQueue::pop(Entry& entry) {
  while (!ranks_.empty()) {
    const uint32_t rank = ranks_.front();
    Bucket& bucket = buckets_[bucket_of_rank_[rank] - 1];
    if (!bucket.opened) {
      if (!bucket.sorted) std::sort(bucket.list.begin(), bucket.list.end());
      bucket.opened = true;
    }
    const bool listed = bucket.next < bucket.list.size();
    if (listed && (bucket.late.empty() || bucket.list[bucket.next] <= bucket.late.front())) {
      entry = {rank, bucket.list[bucket.next++]};
      return true;
    }
    if (!bucket.late.empty()) {
      entry = {rank, bucket.late.front()};
      std::pop_heap(bucket.late.begin(), bucket.late.end(), std::greater<>());
      bucket.late.pop_back();
      return true;
    }
    // An exhausted bucket gives its memory back only if it is much: most are reused at once.
    constexpr size_t kept_entries = 1024;
    if (bucket.list.capacity() > kept_entries) bucket.list = {};
    if (bucket.late.capacity() > kept_entries) bucket.late = {};
    bucket.list.clear();
    bucket.next = 0;
    bucket.opened = false;
    bucket.sorted = true;
    free_buckets_.push_back(bucket_of_rank_[rank]);
    bucket_of_rank_[rank] = 0;
    std::pop_heap(ranks_.begin(), ranks_.end(), std::greater<>());
    ranks_.pop_back();
  }
  return false;
}

}  // namespace deepseek
