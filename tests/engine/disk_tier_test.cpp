// SPDX-License-Identifier: Apache-2.0
#include "engine/disk_tier.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <future>

#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

constexpr int64_t page_bytes = 4096, file_bytes = page_bytes + 152;

PageKey key(int number) {
  PageKey key{};
  key[0] = std::byte(number);
  return key;
}

std::vector<std::byte> page(int number) {
  std::vector<std::byte> bytes(page_bytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte((i * 7 + size_t(number)) & 255);
  return bytes;
}

class DiskTierTest : public ::testing::Test {
 protected:
  std::unique_ptr<DiskTier> open(int64_t max_bytes = 1 << 20, const std::string& model = "model") {
    DiskTier::Options options;
    options.folder = folder_.path();
    options.max_bytes = max_bytes;
    options.page_bytes = page_bytes;
    options.fingerprint = model;
    options.notice = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(text);
    };
    return std::make_unique<DiskTier>(std::move(options));
  }
  static void put(DiskTier& tier, int number) {
    EXPECT_TRUE(tier.write(key(number), page(number)));
    tier.flush();
  }
  /// How many of the pages come back whole.
  static int64_t get(DiskTier& tier, const std::vector<int>& numbers) {
    std::vector<PageKey> keys;
    std::vector<std::vector<std::byte>> pages;
    std::vector<std::byte*> destinations;
    for (const int number : numbers) {
      keys.push_back(key(number));
      destinations.push_back(pages.emplace_back(size_t(page_bytes)).data());
    }
    std::promise<int64_t> done;
    tier.read(keys, destinations, [&](int64_t good) { done.set_value(good); });
    const int64_t good = done.get_future().get();
    for (int64_t i = 0; i < good; ++i)
      EXPECT_EQ(pages[size_t(i)], page(numbers[size_t(i)])) << "page " << i;
    return good;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
      if (entry.path().extension() == ".kv") found.push_back(entry.path());
    return found;
  }

  testing::TemporaryFolder folder_;
  std::mutex mutex_;
  std::vector<std::string> notices_;
};

TEST_F(DiskTierTest, PagesSurviveARestart) {
  {
    const auto tier = open();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(tier->write(key(i), page(i)));
  }
  const auto tier = open();
  EXPECT_EQ(tier->pages(), 5);
  EXPECT_EQ(tier->bytes(), 5 * file_bytes);
  EXPECT_TRUE(tier->contains(key(3)));
  EXPECT_FALSE(tier->contains(key(5)));
  EXPECT_EQ(get(*tier, {0, 1, 2, 3, 4}), 5);
  EXPECT_EQ(get(*tier, {0, 9, 2}), 1) << "up to the first that is missing";
  EXPECT_GT(tier->seconds_per_page(), 0);
  EXPECT_TRUE(notices_.empty());
}

TEST_F(DiskTierTest, AnotherModelSeesNothing) {
  put(*open(), 1);
  const auto other = open(1 << 20, "another");
  EXPECT_EQ(other->pages(), 0);
  EXPECT_EQ(get(*other, {1}), 0);
}

TEST_F(DiskTierTest, TheOldestMakeRoomAlsoAfterARestart) {
  {
    const auto tier = open(3 * file_bytes);
    for (int i = 0; i < 3; ++i) put(*tier, i);
    EXPECT_EQ(get(*tier, {0}), 1);
    put(*tier, 3);
    EXPECT_FALSE(tier->contains(key(1)));
    EXPECT_TRUE(tier->contains(key(0)));
    EXPECT_EQ(tier->bytes(), 3 * file_bytes);
    EXPECT_EQ(files().size(), 3u);
  }
  const auto smaller = open(2 * file_bytes);
  EXPECT_EQ(smaller->pages(), 2);
  EXPECT_FALSE(smaller->contains(key(2)));
  const auto none = open(100, "tiny");
  none->write(key(0), page(0));
  none->flush();
  EXPECT_EQ(none->pages(), 0);
  EXPECT_TRUE(none->on());
}

TEST_F(DiskTierTest, DamageIsFoundAndDropped) {
  for (const int64_t at : {int64_t{0}, int64_t{9}, int64_t{60}, int64_t{100}, int64_t{151},
                           int64_t{152}, file_bytes - 1}) {
    put(*open(), 1);
    const fs::path path = files().at(0);
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(at);
      const int byte = file.get();
      file.seekp(at);
      file.put(char(byte ^ 4));
    }
    const auto tier = open();
    EXPECT_EQ(get(*tier, {1}), 0) << "byte " << at;
    EXPECT_FALSE(tier->contains(key(1)));
    EXPECT_FALSE(fs::exists(path));
    EXPECT_TRUE(tier->on());
  }
  EXPECT_EQ(notices_.size(), 7u);
}

TEST_F(DiskTierTest, TornFilesAndLeftoversGoAtTheStart) {
  put(*open(), 1);
  const fs::path path = files().at(0);
  for (const int64_t size : {file_bytes - 1, int64_t{10}, int64_t{0}}) {
    put(*open(), 1);
    fs::resize_file(path, uintmax_t(size));
    std::ofstream(path.string() + ".tmp") << "half";
    const auto tier = open();
    EXPECT_EQ(tier->pages(), 0);
    EXPECT_FALSE(fs::exists(path));
    EXPECT_FALSE(fs::exists(path.string() + ".tmp"));
  }
  std::ofstream(path.parent_path() / "of somebody else.txt") << "stays";
  open();
  EXPECT_TRUE(fs::exists(path.parent_path() / "of somebody else.txt"));
}

TEST_F(DiskTierTest, APageUnderAnotherKeyIsRefused) {
  {
    const auto tier = open();
    put(*tier, 1);
    put(*tier, 2);
  }
  std::vector<fs::path> paths = files();
  fs::copy_file(paths[0], paths[1], fs::copy_options::overwrite_existing);
  const auto tier = open();
  EXPECT_EQ(get(*tier, {1}) + get(*tier, {2}), 1);
}

TEST_F(DiskTierTest, AFolderIsUsedByOneAtATime) {
  const auto first = open();
  const auto second = open();
  EXPECT_TRUE(first->on());
  EXPECT_FALSE(second->on());
  EXPECT_FALSE(second->write(key(1), page(1)));
  EXPECT_EQ(get(*second, {1}), 0);
  second->flush();
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_NE(notices_[0].find("in use"), std::string::npos);
  EXPECT_TRUE(open(1 << 20, "another model")->on());
}

TEST_F(DiskTierTest, ADiskThatRefusesSwitchesItOff) {
  const auto tier = open();
  put(*tier, 1);
  // A file where the folder of key 2 should be: no write can succeed, whoever we are.
  std::ofstream(files().at(0).parent_path().parent_path() / "02") << "in the way";
  EXPECT_TRUE(tier->write(key(2), page(2)));
  tier->flush();
  EXPECT_FALSE(tier->on());
  EXPECT_FALSE(tier->write(key(3), page(3)));
  EXPECT_EQ(get(*tier, {1}), 0);
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_NE(notices_[0].find("switched off"), std::string::npos);
}

TEST_F(DiskTierTest, AFullDiskSwitchesItOffAndLeavesNoHalfFile) {
  const auto tier = open();
  put(*tier, 1);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1000;  // stands for a disk that is full after 1000 bytes
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  tier->write(key(2), page(2));
  tier->flush();
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(tier->on());
  EXPECT_EQ(files().size(), 1u);
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
    EXPECT_NE(entry.path().extension(), ".tmp");
}

TEST_F(DiskTierTest, AFolderThatCannotBeMadeSwitchesItOff) {
  const auto file = folder_.write("file", "x");
  DiskTier::Options options;
  options.folder = file / "below";
  options.page_bytes = page_bytes;
  std::string notice;
  options.notice = [&](const std::string& text) { notice = text; };
  const DiskTier tier(options);
  EXPECT_FALSE(tier.on());
  EXPECT_FALSE(notice.empty());
}

TEST_F(DiskTierTest, ModelsThatAreGoneAreTrimmed) {
  {
    const auto tier = open(1 << 20, "old");
    for (int i = 0; i < 4; ++i) put(*tier, i);
  }
  open(2 * file_bytes, "new");
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(DiskTierTest, AFullQueueRefuses) {
  DiskTier::Options options;
  options.folder = folder_.path();
  options.max_bytes = 1 << 20;
  options.page_bytes = page_bytes;
  options.queue_bytes = 0;
  DiskTier tier(options);
  // The thread is held up by a read whose end waits.
  std::promise<void> go, begun;
  std::vector<std::byte> buffer(static_cast<size_t>(page_bytes));
  tier.read({key(1)}, {buffer.data()}, [&](int64_t) {
    begun.set_value();
    go.get_future().wait();
  });
  begun.get_future().wait();
  EXPECT_TRUE(tier.write(key(1), page(1))) << "one page always";
  EXPECT_FALSE(tier.write(key(2), page(2)));
  go.set_value();
  tier.flush();
  EXPECT_TRUE(tier.write(key(2), page(2)));
  tier.flush();
  EXPECT_EQ(tier.pages(), 2);
}

}  // namespace
}  // namespace deepseek
