// SPDX-License-Identifier: Apache-2.0
#include "engine/page_pool.h"

#include <cstring>

#include "core/error.h"

namespace deepseek {

int64_t pages_within(const CacheLayout& layout, int64_t budget_bytes) {
  const int64_t pages = budget_bytes / layout.page_bytes();
  if (pages < 1)
    fail(ErrorKind::out_of_memory, "cache: expected at least one page of ",
         size_text(static_cast<uint64_t>(layout.page_bytes())), " (", tokens_per_page,
         " tokens), got ", budget_bytes, " bytes; raise --cache-bytes");
  return pages;
}

PagePool::PagePool(const CacheLayout& layout, int64_t budget_bytes)
    : layout_(layout), total_pages_(pages_within(layout, budget_bytes)) {}

std::optional<PagePool::PageId> PagePool::allocate() {
  if (used_pages_ == total_pages_) return std::nullopt;
  PageId id = 0;
  if (free_.empty()) {
    id = static_cast<PageId>(pages_.size());
    Page page;
    page.memory = Storage::allocate(layout_.page_bytes());
    std::memset(page.memory->data(), 0, static_cast<size_t>(layout_.page_bytes()));
    pages_.push_back(std::move(page));
  } else {
    id = free_.back();
    free_.pop_back();
  }
  pages_[static_cast<size_t>(id)].owners = 1;
  ++used_pages_;
  return id;
}

void PagePool::retain(PageId id) {
  Page& page = pages_[static_cast<size_t>(id)];
  reclaimable_pages_ -= page.reclaimable() ? 1 : 0;
  ++page.owners;
}

void PagePool::release(PageId id) {
  Page& page = pages_[static_cast<size_t>(id)];
  reclaimable_pages_ -= page.reclaimable() ? 1 : 0;
  --page.owners;
  reclaimable_pages_ += page.reclaimable() ? 1 : 0;
  if (page.owners > 0) return;
  page.cached = false;
  free_.push_back(id);
  --used_pages_;
}

void PagePool::set_cached(PageId id, bool cached) {
  Page& page = pages_[static_cast<size_t>(id)];
  reclaimable_pages_ -= page.reclaimable() ? 1 : 0;
  page.cached = cached;
  reclaimable_pages_ += page.reclaimable() ? 1 : 0;
}

}  // namespace deepseek
