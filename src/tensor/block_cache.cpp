// SPDX-License-Identifier: Apache-2.0
#include "tensor/block_cache.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace deepseek {
namespace {

thread_local std::shared_ptr<BlockCache> active_cache;

}  // namespace

const std::shared_ptr<BlockCache>& BlockCache::active() { return active_cache; }

BlockCache::Round::Round(const std::shared_ptr<BlockCache>& cache)
    : outer_(std::exchange(active_cache, cache)) {
  const std::lock_guard lock(cache->mutex_);
  ++cache->round_;
  cache->peak_bytes_ = cache->used_bytes_;
}

BlockCache::Round::~Round() {
  const std::shared_ptr<BlockCache> cache = std::exchange(active_cache, std::move(outer_));
  const std::lock_guard lock(cache->mutex_);
  cache->free_older(cache->round_);
}

BlockCache::~BlockCache() { clear(); }

BlockCache::Taken BlockCache::take(size_t bytes, size_t alignment) {
  const std::lock_guard lock(mutex_);
  used_.reserve(used_.size() + 1);
  held_.reserve(held_.size() + used_.size() + 1);  // giving back allocates nothing
  auto best = held_.end();
  for (auto block = held_.begin(); block != held_.end(); ++block)
    if (block->bytes >= bytes && block->bytes <= 2 * bytes &&
        (best == held_.end() || block->bytes < best->bytes))
      best = block;
  Taken taken;
  if (best != held_.end()) {
    taken = {best->data, false};
    bytes = best->bytes;
    held_bytes_ -= bytes;
    held_.erase(best);
  } else {
    free_held_until(std::max(peak_bytes_, used_bytes_ + bytes) - used_bytes_ - bytes);
    taken = {std::aligned_alloc(alignment, bytes), true};
    if (!taken.data) {
      free_held_until(0);
      taken.data = std::aligned_alloc(alignment, bytes);
    }
    if (!taken.data) return {};
  }
  used_.push_back({taken.data, bytes, round_});
  used_bytes_ += bytes;
  peak_bytes_ = std::max(peak_bytes_, used_bytes_);
  return taken;
}

void BlockCache::give(void* data) noexcept {
  const std::lock_guard lock(mutex_);
  const auto block = std::ranges::find(used_, data, &Block::data);
  held_.push_back({data, block->bytes, round_});
  held_bytes_ += block->bytes;
  used_bytes_ -= block->bytes;
  used_.erase(block);
}

void BlockCache::clear() {
  const std::lock_guard lock(mutex_);
  free_held_until(0);
}

int64_t BlockCache::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(held_bytes_);
}

/// The oldest first.
void BlockCache::free_held_until(size_t most_bytes) {
  auto block = held_.begin();
  for (; held_bytes_ > most_bytes; ++block) {
    std::free(block->data);
    held_bytes_ -= block->bytes;
  }
  held_.erase(held_.begin(), block);
}

void BlockCache::free_older(int64_t round) {
  std::erase_if(held_, [&](const Block& block) {
    if (block.round >= round) return false;
    std::free(block.data);
    held_bytes_ -= block.bytes;
    return true;
  });
}

}  // namespace deepseek
