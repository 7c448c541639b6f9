// SPDX-License-Identifier: Apache-2.0
#include "tensor/block_cache.h"

#include <algorithm>
#include <cstdlib>
#include <new>
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
}

BlockCache::Round::~Round() {
  const std::shared_ptr<BlockCache> cache = std::exchange(active_cache, std::move(outer_));
  const std::lock_guard lock(cache->mutex_);
  cache->free_older(cache->round_);
}

BlockCache::~BlockCache() { free_older(round_ + 1); }

void* BlockCache::take(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto block = std::ranges::find(blocks_, bytes, &Block::bytes);
  if (block == blocks_.end()) {
    free_older(round_);
    return nullptr;
  }
  void* const data = block->data;
  blocks_.erase(block);
  return data;
}

void BlockCache::give(void* block, size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    blocks_.push_back({block, bytes, round_});
  } catch (const std::bad_alloc&) {
    std::free(block);
  }
}

int64_t BlockCache::held_bytes() const {
  const std::lock_guard lock(mutex_);
  int64_t bytes = 0;
  for (const Block& block : blocks_) bytes += static_cast<int64_t>(block.bytes);
  return bytes;
}

void BlockCache::free_older(int64_t round) {
  std::erase_if(blocks_, [round](const Block& block) {
    if (block.round < round) std::free(block.data);
    return block.round < round;
  });
}

}  // namespace deepseek
