// SPDX-License-Identifier: Apache-2.0
#include "tensor/storage.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace deepseek {
namespace {

TEST(Storage, AnySizeIsAligned) {
  for (const int64_t size : {int64_t{0}, int64_t{1}, int64_t{65}, int64_t{5} << 20}) {
    const auto storage = Storage::allocate(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(storage->data()) % 64, 0u);
    EXPECT_EQ(storage->size_bytes(), size);
    std::memset(storage->data(), 1, size_t(size));
  }
}

TEST(StorageArena, PartsAreAlignedApartAndOutliveTheArena) {
  std::vector<std::shared_ptr<Storage>> parts;
  {
    StorageArena arena;
    for (int i = 0; i < 100; ++i) {
      parts.push_back(arena.allocate(i % 10 == 0 ? (int64_t{3} << 20) + i : 1000 + i));
      std::memset(parts.back()->data(), i, size_t(parts.back()->size_bytes()));
    }
  }
  for (int i = 0; i < 100; ++i) {
    const Storage& part = *parts[size_t(i)];
    EXPECT_EQ(reinterpret_cast<uintptr_t>(part.data()) % 64, 0u);
    EXPECT_EQ(part.data()[0], std::byte(i));
    EXPECT_EQ(part.data()[part.size_bytes() - 1], std::byte(i));
  }
}

TEST(StorageArena, LargePartsHaveMemoryOfTheirOwn) {
  StorageArena arena;
  const auto small = arena.allocate(10), large = arena.allocate(int64_t{64} << 20);
  EXPECT_FALSE(small->writable());
  EXPECT_TRUE(large->writable());
}

}  // namespace
}  // namespace deepseek
