// SPDX-License-Identifier: Apache-2.0
#include "tensor/block_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "tensor/storage.h"

namespace deepseek {
namespace {

constexpr int64_t mib = int64_t{1} << 20;

class BlockCacheTest : public ::testing::Test {
 protected:
  /// The storages of one round, alive together, each written to its last byte.
  std::vector<std::byte*> run_round(const std::vector<int64_t>& sizes) {
    const BlockCache::Round round(cache);
    std::vector<std::shared_ptr<Storage>> all;
    std::vector<std::byte*> at;
    for (const int64_t size : sizes) {
      all.push_back(Storage::allocate(size));
      std::memset(all.back()->data(), int(at.size()), size_t(size));
      at.push_back(all.back()->data());
    }
    for (size_t i = 0; i < all.size(); ++i)
      EXPECT_EQ(all[i]->data()[sizes[i] - 1], std::byte(i)) << "two storages share memory";
    return at;
  }

  std::shared_ptr<BlockCache> cache = std::make_shared<BlockCache>();
};

TEST_F(BlockCacheTest, TheNextRoundFindsWhatTheLastOneFreed) {
  const auto first = run_round({5 * mib, 8 * mib});
  EXPECT_EQ(cache->held_bytes(), 14 * mib) << "in whole huge pages";
  auto second = run_round({8 * mib, 5 * mib + 100});
  EXPECT_EQ(second[0], first[1]);
  EXPECT_EQ(second[1], first[0]);
  EXPECT_EQ(cache->held_bytes(), 14 * mib);
  cache->clear();
  EXPECT_EQ(cache->held_bytes(), 0);
}

TEST_F(BlockCacheTest, WithinARoundToo) {
  const BlockCache::Round round(cache);
  const std::byte* const first = Storage::allocate(6 * mib)->data();
  EXPECT_EQ(Storage::allocate(6 * mib)->data(), first);
}

TEST_F(BlockCacheTest, HoldsWhatTheLatestRoundUsedAlone) {
  run_round({16 * mib, 8 * mib});
  run_round({8 * mib});
  EXPECT_EQ(cache->held_bytes(), 8 * mib);
  run_round({});
  EXPECT_EQ(cache->held_bytes(), 0);
}

TEST_F(BlockCacheTest, ASmallerOneTakesABlockOfUpToTwiceItsSize) {
  const BlockCache::Round round(cache);
  const std::byte* const first = Storage::allocate(12 * mib)->data();
  EXPECT_EQ(Storage::allocate(6 * mib)->data(), first);
  Storage::allocate(4 * mib);
  EXPECT_EQ(cache->held_bytes(), 4 * mib) << "the one of 12 is too large for it and had to go";
}

TEST_F(BlockCacheTest, NeverHoldsMoreThanWasUsedAtOnce) {
  const BlockCache::Round round(cache);
  {
    const auto small = Storage::allocate(4 * mib);
    const auto large = Storage::allocate(40 * mib);
  }
  EXPECT_EQ(cache->held_bytes(), 44 * mib);
  const auto other = Storage::allocate(10 * mib);
  EXPECT_EQ(cache->held_bytes(), 4 * mib) << "10 and 40 were never used together";
  const auto more = Storage::allocate(30 * mib);
  EXPECT_EQ(cache->held_bytes(), 4 * mib);
  const auto most = Storage::allocate(60 * mib);
  EXPECT_EQ(cache->held_bytes(), 0);
}

TEST_F(BlockCacheTest, OlderBlocksGoBeforeOthersAreAdded) {
  run_round({16 * mib});
  const BlockCache::Round round(cache);
  const auto other = Storage::allocate(4 * mib);
  EXPECT_EQ(cache->held_bytes(), 0);
}

TEST_F(BlockCacheTest, SmallStoragesAndOtherThreadsAreLeftAlone) {
  const BlockCache::Round round(cache);
  Storage::allocate(mib);
  std::thread([] { Storage::allocate(8 * mib); }).join();
  EXPECT_EQ(cache->held_bytes(), 0);
}

TEST_F(BlockCacheTest, AStorageMayOutliveItsRoundAndTheCachesOwner) {
  std::shared_ptr<Storage> kept;
  {
    const BlockCache::Round round(cache);
    kept = Storage::allocate(4 * mib);
  }
  EXPECT_EQ(cache->held_bytes(), 0);
  cache.reset();
  std::memset(kept->data(), 1, size_t(4 * mib));
  std::thread([&] { kept.reset(); }).join();
}

TEST_F(BlockCacheTest, AnInnerRoundEndsBeforeTheOuterGoesOn) {
  const auto inner = std::make_shared<BlockCache>();
  const BlockCache::Round outer_round(cache);
  {
    const BlockCache::Round inner_round(inner);
    Storage::allocate(4 * mib);
  }
  EXPECT_EQ(inner->held_bytes(), 4 * mib);
  Storage::allocate(6 * mib);
  EXPECT_EQ(cache->held_bytes(), 6 * mib);
}

}  // namespace
}  // namespace deepseek
