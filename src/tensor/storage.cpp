// SPDX-License-Identifier: Apache-2.0
#include "tensor/storage.h"

#include <sys/mman.h>

#include <cstdlib>

#include "core/error.h"
#include "tensor/block_cache.h"

namespace deepseek {
namespace {

constexpr int64_t huge_page = int64_t{1} << 21;
constexpr int64_t arena_run = 16 * huge_page;

}  // namespace

std::shared_ptr<Storage> Storage::allocate(int64_t size_bytes) {
  if (size_bytes < 0) fail(ErrorKind::internal, "Storage: negative size ", size_bytes);
  // Weights are streamed once a token, and what the processor prefetches ends with the page.
  const bool large = size_bytes >= 2 * huge_page;
  const size_t alignment = large ? huge_page : 64;
  const size_t rounded = (static_cast<size_t>(size_bytes) + alignment - 1) / alignment * alignment;
  const std::shared_ptr<BlockCache> home = large ? BlockCache::active() : nullptr;
  const auto [data, fresh] =
      home ? home->take(rounded, alignment)
           : BlockCache::Taken{std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded),
                               true};
  if (data == nullptr)
    fail(ErrorKind::out_of_memory, "cannot allocate ", size_text(uint64_t(size_bytes)),
         " of memory; use a smaller model, context or cache");
  // The last part of a page stays in small ones: nothing is resident that was not asked for.
  if (large && fresh)
    ::madvise(data, static_cast<size_t>(size_bytes / huge_page * huge_page), MADV_HUGEPAGE);
  std::shared_ptr<Storage> storage(new Storage(static_cast<std::byte*>(data), size_bytes, nullptr));
  storage->home_ = home;
  return storage;
}

std::shared_ptr<Storage> Storage::borrow(std::span<const std::byte> bytes,
                                         std::shared_ptr<const void> owner) {
  if (!owner) fail(ErrorKind::internal, "Storage: borrowed bytes need an owner");
  return std::shared_ptr<Storage>(new Storage(
      const_cast<std::byte*>(bytes.data()), static_cast<int64_t>(bytes.size()), std::move(owner)));
}

Storage::~Storage() {
  if (home_)
    home_->give(data_);
  else if (!owner_)
    std::free(data_);
}

std::shared_ptr<Storage> StorageArena::allocate(int64_t size_bytes) {
  if (size_bytes > arena_run / 4) return Storage::allocate(size_bytes);
  if (!run_ || used_bytes_ + size_bytes > run_->size_bytes()) {
    run_ = Storage::allocate(arena_run);
    used_bytes_ = 0;
  }
  std::byte* part = run_->data() + used_bytes_;
  used_bytes_ += (size_bytes + 63) / 64 * 64;
  return Storage::borrow({part, static_cast<size_t>(size_bytes)}, run_);
}

}  // namespace deepseek
