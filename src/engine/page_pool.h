// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "nn/cache.h"
#include "tensor/storage.h"

namespace deepseek {

/// Pages that fit in `budget_bytes`. Throws out_of_memory when that is none.
int64_t pages_within(const CacheLayout& layout, int64_t budget_bytes);

/// A bounded set of cache pages, shared by reference count. Memory is taken page by page as it is
/// first needed and kept for reuse.
class PagePool {
 public:
  using PageId = int32_t;

  /// Throws as pages_within.
  PagePool(const CacheLayout& layout, int64_t budget_bytes);

  const CacheLayout& layout() const { return layout_; }
  int64_t total_pages() const { return total_pages_; }
  int64_t free_pages() const { return total_pages_ - used_pages_; }
  /// Pages that only the prefix cache owns: it can give them up.
  int64_t reclaimable_pages() const { return reclaimable_pages_; }

  /// A page owned once, or nothing when all are in use.
  std::optional<PageId> allocate();
  void retain(PageId page);
  void release(PageId page);
  /// One of the page's owners is the prefix cache, or is so no longer. It still owns it.
  void set_cached(PageId page, bool cached);
  bool is_shared(PageId page) const { return pages_[static_cast<size_t>(page)].owners > 1; }
  std::byte* data(PageId page) const { return pages_[static_cast<size_t>(page)].memory->data(); }

 private:
  struct Page {
    std::shared_ptr<Storage> memory;
    int32_t owners = 0;
    bool cached = false;
    bool reclaimable() const { return cached && owners == 1; }
  };

  CacheLayout layout_;
  int64_t total_pages_ = 0, used_pages_ = 0, reclaimable_pages_ = 0;
  std::vector<Page> pages_;
  std::vector<PageId> free_;
};

}  // namespace deepseek
