// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace deepseek {

/// Keeps the large blocks that one round of a computation frees for the next, which asks for the
/// same again: the system would clear each of their pages anew. Holds what the latest round used
/// and nothing else, so there is never more of it than a round needs. Thread-safe.
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

  /// A block of exactly that size, or null. Where there is none, older rounds' blocks are freed.
  void* take(size_t bytes);
  /// A block from std::aligned_alloc that nobody uses any more.
  void give(void* block, size_t bytes) noexcept;

  int64_t held_bytes() const;

 private:
  struct Block {
    void* data;
    size_t bytes;
    int64_t round;  // that gave it
  };
  void free_older(int64_t round);

  mutable std::mutex mutex_;
  std::vector<Block> blocks_;
  int64_t round_ = 0;
};

}  // namespace deepseek
