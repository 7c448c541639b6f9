// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/page_key.h"
#include "engine/page_pool.h"

namespace deepseek {

class DiskTier;

/// Filled pages by what they hold, so that sequences that begin alike share them. Each entry owns
/// its page beside the sequences that use it; entries that nobody uses make room for others, the
/// least recently used first, and among pages of one prefix the last first. Not thread-safe.
class PrefixCache {
 public:
  /// `disk`, if any, is given pages as they come and must outlive the cache.
  explicit PrefixCache(PagePool& pool, DiskTier* disk = nullptr);
  /// Gives to the disk what it does not have yet, and up all pages.
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  /// The page of a key, if it is here. The caller retains it before anything else happens.
  std::optional<PagePool::PageId> find(const PageKey& key) const;
  /// Marks the pages of a prefix as used now.
  void touch(std::span<const PageKey> keys);
  /// Owns `page` under `key` and answers it; or the page that the key has already, which the caller
  /// can use in its stead. `on_disk`: it came from there.
  PagePool::PageId insert(const PageKey& key, PagePool::PageId page, bool on_disk = false);

  /// Gives up unused pages until the pool has `wanted` free ones; false when it cannot.
  bool reclaim(int64_t wanted);
  /// Passes pages that the disk does not have to it, as far as it takes them now.
  void write_behind();

  int64_t pages() const { return static_cast<int64_t>(entries_.size()); }

 private:
  struct Entry {
    PageKey key;
    PagePool::PageId page = 0;
    bool on_disk = false;
  };
  using Entries = std::list<Entry>;  // most recently used first

  bool write(Entry& entry);

  PagePool& pool_;
  DiskTier* disk_;
  Entries entries_;
  std::unordered_map<PageKey, Entries::iterator, PageKeyHash> index_;
  std::deque<PageKey> unwritten_;
};

}  // namespace deepseek
