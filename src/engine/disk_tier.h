// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/progress.h"
#include "engine/page_key.h"

namespace deepseek {

/// Cache pages on disk, one file each, bounded in bytes, the least recently used removed first;
/// what was written is found again after a restart. A file is written under a temporary name and
/// renamed, without fsync: what a crash loses or tears costs a recomputation, since every byte that
/// is read back is checked against a SHA-256 and a file that does not fit is removed. One process
/// at a time may use a folder.
///
/// Nothing here throws or blocks on the disk: one thread of its own reads and writes. When the disk
/// is full or fails, the tier switches itself off with a notice; the rest goes on without it.
/// Any thread may call.
class DiskTier {
 public:
  struct Options {
    std::filesystem::path folder;  // made when missing; models share it
    int64_t max_bytes = 0;
    int64_t page_bytes = 0;
    std::string fingerprint;                  // of the model: pages of others are not seen
    int64_t queue_bytes = int64_t{64} << 20;  // copies that wait to be written at most
    NoticeSink notice;                        // called from any thread
  };

  explicit DiskTier(Options options);
  /// Writes what is queued.
  ~DiskTier();
  DiskTier(const DiskTier&) = delete;
  DiskTier& operator=(const DiskTier&) = delete;

  bool on() const { return on_; }
  bool contains(const PageKey& key) const;
  int64_t bytes() const;
  int64_t pages() const;

  /// Queues a copy of a page [page_bytes] to be written. False when the queue is full or the tier
  /// off.
  bool write(const PageKey& key, std::span<const std::byte> page);

  /// Reads pages in order, each into its destination [page_bytes], until one is missing or damaged;
  /// `done` gets how many are good, on the tier's thread.
  void read(std::vector<PageKey> keys, std::vector<std::byte*> destinations,
            std::function<void(int64_t good)> done);

  /// Waits until all that was queued is done.
  void flush();

  /// Seconds that reading a page took lately; 0 before the first.
  double seconds_per_page() const { return seconds_per_page_; }

 private:
  struct File {
    PageKey key;
    int64_t size_bytes = 0;
  };
  using Files = std::list<File>;  // most recently used first
  struct Read {
    std::vector<PageKey> keys;
    std::vector<std::byte*> destinations;
    std::function<void(int64_t)> done;
  };
  struct Write {
    PageKey key;
    std::vector<std::byte> page;
  };

  void open();
  void scan();
  void trim_other_models();
  void work();
  void store(const Write& write);
  bool load(const PageKey& key, std::byte* destination);
  bool make_room(int64_t size_bytes);
  void remember(const PageKey& key, int64_t size_bytes);
  void forget(const PageKey& key);
  void switch_off(std::string_view why);
  std::filesystem::path path_of(const PageKey& key) const;

  Options options_;
  Digest model_;
  std::filesystem::path folder_;
  int lock_ = -1;
  std::atomic<bool> on_{false};
  std::atomic<double> seconds_per_page_{0};

  mutable std::mutex mutex_;
  std::condition_variable work_, quiet_;
  std::deque<Read> reads_;
  std::deque<Write> writes_;
  int64_t queued_bytes_ = 0;
  bool busy_ = false, stop_ = false;
  Files files_;
  std::unordered_map<PageKey, Files::iterator, PageKeyHash> index_;
  int64_t bytes_ = 0;
  std::thread thread_;
};

}  // namespace deepseek
