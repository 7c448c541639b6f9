// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "nn/cache.h"
#include "tensor/storage.h"

namespace deepseek {

/// A bounded set of cache pages, shared by reference count. Memory is taken page by page as it is
/// first needed and kept for reuse.
class PagePool {
 public:
  using PageId = int32_t;

  /// As many pages as fit in `budget_bytes`. Throws invalid_input when that is none.
  PagePool(const CacheLayout& layout, int64_t budget_bytes);

  const CacheLayout& layout() const { return layout_; }
  int64_t total_pages() const { return total_pages_; }
  int64_t free_pages() const { return total_pages_ - used_pages_; }

  /// A page owned once, or nothing when all are in use.
  std::optional<PageId> allocate();
  void retain(PageId page) { ++pages_[static_cast<size_t>(page)].owners; }
  void release(PageId page);
  bool is_shared(PageId page) const { return pages_[static_cast<size_t>(page)].owners > 1; }
  std::byte* data(PageId page) const { return pages_[static_cast<size_t>(page)].memory->data(); }

 private:
  struct Page {
    std::shared_ptr<Storage> memory;
    int32_t owners = 0;
  };

  CacheLayout layout_;
  int64_t total_pages_ = 0, used_pages_ = 0;
  std::vector<Page> pages_;
  std::vector<PageId> free_;
};

}  // namespace deepseek
