// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace deepseek {

class BlockCache;

/// A run of bytes with an owner: memory of our own (aligned to 64), or part of something else that
/// stays alive as long as this does, such as a mapped file.
class Storage {
 public:
  /// Uninitialised memory; a large one comes from the calling thread's BlockCache, if there is one.
  /// Throws out_of_memory naming the size.
  static std::shared_ptr<Storage> allocate(int64_t size_bytes);
  static std::shared_ptr<Storage> borrow(std::span<const std::byte> bytes,
                                         std::shared_ptr<const void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  int64_t size_bytes() const { return size_bytes_; }
  bool writable() const { return owner_ == nullptr; }

 private:
  Storage(std::byte* data, int64_t size_bytes, std::shared_ptr<const void> owner)
      : data_(data), size_bytes_(size_bytes), owner_(std::move(owner)) {}
  std::byte* data_;
  int64_t size_bytes_;
  std::shared_ptr<const void> owner_;  // null when the memory is ours
  std::shared_ptr<BlockCache> home_;   // where it goes back to; null: it is freed
};

/// Hands out parts of large storages, so that what is too small for huge pages of its own shares
/// them. A large storage lives until the arena has moved on and every part of it is gone.
class StorageArena {
 public:
  /// Uninitialised memory aligned to 64. Throws out_of_memory.
  std::shared_ptr<Storage> allocate(int64_t size_bytes);

 private:
  std::shared_ptr<Storage> run_;
  int64_t used_bytes_ = 0;
};

}  // namespace deepseek
