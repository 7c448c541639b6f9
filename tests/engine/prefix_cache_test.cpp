// SPDX-License-Identifier: Apache-2.0
#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <set>

#include "core/error.h"
#include "engine/fingerprint.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

CacheLayout small_layout() {
  CacheLayout layout;
  layout.layers = 1;
  layout.kv_heads = 1;
  layout.k_dim = layout.v_dim = 2;
  return layout;
}

PagePool pool_of(int64_t pages) {
  return PagePool(small_layout(), pages * small_layout().page_bytes());
}

PageKey key(int number) {
  PageKey key{};
  key[0] = std::byte(number);
  key[1] = std::byte(number >> 8);
  return key;
}

/// A page under a key that only the cache owns.
PagePool::PageId put(PagePool& pool, PrefixCache& cache, int number) {
  const PagePool::PageId page = *pool.allocate();
  EXPECT_EQ(cache.insert(key(number), page), page);
  pool.release(page);
  return page;
}

TEST(PageKey, DependsOnModelSaltAndEveryTokenBefore) {
  std::vector<int32_t> tokens(64);
  std::iota(tokens.begin(), tokens.end(), 0);
  std::vector<int32_t> other = tokens;
  other[63] = 5;
  Digest salt{};
  const PageKey root = root_page_key("model", salt);
  std::set<PageKey> keys{root, root_page_key("model2", salt)};
  salt[31] = std::byte{1};
  keys.insert(root_page_key("model", salt));
  const PageKey first = next_page_key(root, tokens);
  keys.insert(first);
  keys.insert(next_page_key(root, other));
  keys.insert(next_page_key(first, tokens));
  keys.insert(next_page_key(next_page_key(root, other), tokens));
  EXPECT_EQ(keys.size(), 7u);
  EXPECT_EQ(next_page_key(root, tokens), first);
  EXPECT_THROW(next_page_key(root, std::span(tokens).first(63)), Error);
  EXPECT_EQ(hex(sha256(std::span<const std::byte>())),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(PrefixCache, TheLeastRecentlyUsedMakesRoom) {
  PagePool pool = pool_of(4);
  PrefixCache cache(pool);
  for (int i = 0; i < 4; ++i) put(pool, cache, i);
  EXPECT_EQ(pool.free_pages(), 0);
  EXPECT_EQ(pool.reclaimable_pages(), 4);
  cache.touch(std::vector<PageKey>{key(0)});
  EXPECT_TRUE(cache.reclaim(2));
  EXPECT_TRUE(cache.find(key(0)).has_value());
  EXPECT_FALSE(cache.find(key(1)).has_value());
  EXPECT_FALSE(cache.find(key(2)).has_value());
  EXPECT_TRUE(cache.find(key(3)).has_value());
  EXPECT_EQ(pool.free_pages(), 2);
}

TEST(PrefixCache, OfAPrefixTheLastPagesGoFirst) {
  PagePool pool = pool_of(4);
  PrefixCache cache(pool);
  for (int i = 0; i < 4; ++i) put(pool, cache, i);
  cache.touch(std::vector<PageKey>{key(0), key(1), key(2), key(3)});
  EXPECT_TRUE(cache.reclaim(3));
  EXPECT_TRUE(cache.find(key(0)).has_value());
}

TEST(PrefixCache, PagesInUseStay) {
  PagePool pool = pool_of(3);
  PrefixCache cache(pool);
  const PagePool::PageId used = put(pool, cache, 0);
  put(pool, cache, 1);
  put(pool, cache, 2);
  pool.retain(used);
  EXPECT_EQ(pool.reclaimable_pages(), 2);
  EXPECT_FALSE(cache.reclaim(3));
  EXPECT_EQ(cache.pages(), 1);
  EXPECT_EQ(cache.find(key(0)), used);
  pool.release(used);
  EXPECT_TRUE(cache.reclaim(3));
}

TEST(PrefixCache, AnEqualPageIsKeptOnce) {
  PagePool pool = pool_of(3);
  PrefixCache cache(pool);
  const PagePool::PageId first = put(pool, cache, 0);
  const PagePool::PageId second = *pool.allocate();
  EXPECT_EQ(cache.insert(key(0), second), first);
  pool.release(second);
  EXPECT_EQ(pool.free_pages(), 2);
}

TEST(PrefixCache, GivesUpItsPagesAtItsEnd) {
  PagePool pool = pool_of(3);
  {
    PrefixCache cache(pool);
    put(pool, cache, 0);
    put(pool, cache, 1);
  }
  EXPECT_EQ(pool.free_pages(), 3);
  EXPECT_EQ(pool.reclaimable_pages(), 0);
}

TEST(PrefixCache, CountsHoldUnderRandomUse) {
  PagePool pool = pool_of(20);
  PrefixCache cache(pool);
  std::mt19937 random(1);
  std::vector<PagePool::PageId> held;
  for (int i = 0; i < 3000; ++i) {
    const int number = int(random() % 40);
    if (random() % 3 == 0 && !held.empty()) {
      const size_t at = random() % held.size();
      pool.release(held[at]);
      held.erase(held.begin() + ptrdiff_t(at));
    } else if (const auto found = cache.find(key(number))) {
      pool.retain(*found);
      held.push_back(*found);
    } else if (cache.reclaim(1)) {
      const PagePool::PageId page = *pool.allocate();
      cache.insert(key(number), page);
      held.push_back(page);
    }
    const std::set<PagePool::PageId> in_use(held.begin(), held.end());
    ASSERT_EQ(pool.total_pages() - pool.free_pages() - pool.reclaimable_pages(),
              int64_t(in_use.size()));
    ASSERT_LE(cache.pages(), 20);
  }
}

TEST(Fingerprint, ChangesWithFilesAdapterAndArithmetic) {
  const testing::TemporaryFolder folder;
  folder.write("config.json", "{}");
  const auto file = folder.write("model.safetensors", std::string(100000, 'x'));
  std::set<std::string> seen{model_fingerprint(folder.path(), std::nullopt, "bf16")};
  EXPECT_TRUE(seen.contains(model_fingerprint(folder.path(), std::nullopt, "bf16")));
  seen.insert(model_fingerprint(folder.path(), std::nullopt, "f32"));
  seen.insert(model_fingerprint(file, std::nullopt, "bf16"));
  seen.insert(model_fingerprint(folder.path(), folder.path(), "bf16"));
  folder.write("model.safetensors", std::string(99999, 'x') + "y");
  seen.insert(model_fingerprint(folder.path(), std::nullopt, "bf16"));
  folder.write("extra.json", "{}");
  seen.insert(model_fingerprint(folder.path(), std::nullopt, "bf16"));
  EXPECT_EQ(seen.size(), 6u);
}

}  // namespace
}  // namespace deepseek
