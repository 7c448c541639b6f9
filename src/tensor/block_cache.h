// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace deepseek {

/// Keeps the large blocks that one round of a computation frees for what it and the next round
/// allocate: the system would clear each of their pages anew. What is used and what is held are
/// together never more than the most that was used at once, in blocks of at most twice the size
/// that was asked for. Thread-safe.
class BlockCache {
 public:
  BlockCache() = default;
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  /// One round: large storages that the calling thread allocates while it lives come from the
  /// cache and go back to it, whenever that is. At its end what it had no use for is freed.
  class Round {
   public:
    explicit Round(const std::shared_ptr<BlockCache>& cache);
    ~Round();
    Round(const Round&) = delete;
    Round& operator=(const Round&) = delete;

   private:
    std::shared_ptr<BlockCache> outer_;
  };

  /// The cache of the calling thread's round; null outside of one.
  static const std::shared_ptr<BlockCache>& active();

  struct Taken {
    void* data = nullptr;  // null: the system has no more, and nothing is held any longer
    bool fresh = false;    // from the system
  };
  /// A block of at least `bytes`, a multiple of `alignment`, which is the same for all.
  Taken take(size_t bytes, size_t alignment);
  /// A block that was taken and is no longer used.
  void give(void* block) noexcept;
  /// Frees what is held.
  void clear();

  /// What is kept and used by nobody.
  int64_t held_bytes() const;

 private:
  struct Block {
    void* data;
    size_t bytes;
    int64_t round;  // that gave it
  };
  void free_held_until(size_t most_bytes);
  void free_older(int64_t round);

  mutable std::mutex mutex_;
  std::vector<Block> held_, used_;
  size_t held_bytes_ = 0, used_bytes_ = 0;
  size_t peak_bytes_ = 0;  // that this round has used at once
  int64_t round_ = 0;
};

}  // namespace deepseek
