// SPDX-License-Identifier: Apache-2.0
#include "engine/prefix_cache.h"

#include "engine/disk_tier.h"

namespace deepseek {

PrefixCache::PrefixCache(PagePool& pool, DiskTier* disk) : pool_(pool), disk_(disk) {}

PrefixCache::~PrefixCache() {
  while (disk_ != nullptr && disk_->on() && !unwritten_.empty()) {
    write_behind();
    disk_->flush();
  }
  for (const Entry& entry : entries_) {
    pool_.set_cached(entry.page, false);
    pool_.release(entry.page);
  }
}

std::optional<PagePool::PageId> PrefixCache::find(const PageKey& key) const {
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  return found->second->page;
}

void PrefixCache::touch(std::span<const PageKey> keys) {
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    const auto found = index_.find(*key);
    if (found != index_.end()) entries_.splice(entries_.begin(), entries_, found->second);
  }
}

PagePool::PageId PrefixCache::insert(const PageKey& key, PagePool::PageId page, bool on_disk) {
  const auto found = index_.find(key);
  if (found != index_.end()) return found->second->page;
  pool_.retain(page);
  pool_.set_cached(page, true);
  entries_.push_front({key, page, on_disk});
  index_.emplace(key, entries_.begin());
  if (disk_ != nullptr && !on_disk && disk_->on()) unwritten_.push_back(key);
  return page;
}

bool PrefixCache::write(Entry& entry) {
  if (entry.on_disk || disk_ == nullptr) return true;
  entry.on_disk = disk_->write(
      entry.key, {pool_.data(entry.page), static_cast<size_t>(pool_.layout().page_bytes())});
  return entry.on_disk;
}

bool PrefixCache::reclaim(int64_t wanted) {
  // Pages in use are passed over, in order; the count bounds the walk to one round.
  size_t left = entries_.size();
  while (pool_.free_pages() < wanted && left > 0 && pool_.reclaimable_pages() > 0) {
    --left;
    const auto last = std::prev(entries_.end());
    if (pool_.is_shared(last->page)) {
      entries_.splice(entries_.begin(), entries_, last);
      continue;
    }
    write(*last);
    pool_.set_cached(last->page, false);
    pool_.release(last->page);
    index_.erase(last->key);
    entries_.erase(last);
  }
  return pool_.free_pages() >= wanted;
}

void PrefixCache::write_behind() {
  while (!unwritten_.empty() && disk_ != nullptr) {
    const auto found = index_.find(unwritten_.front());
    if (found != index_.end() && !write(*found->second)) {
      if (!disk_->on()) unwritten_.clear();
      return;
    }
    unwritten_.pop_front();
  }
}

}  // namespace deepseek
