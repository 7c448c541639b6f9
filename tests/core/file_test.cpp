// SPDX-License-Identifier: Apache-2.0
#include "core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

TEST(AtomicFile, AppearsWholeOrNotAtAll) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "out.bin";
  {
    AtomicFile file(path);
    file.write("half");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  AtomicFile file(path);
  file.write("....end");
  file.write_at(0, std::as_bytes(std::span(std::string_view("head"))));
  file.commit();
  EXPECT_EQ(read_text_file(path), "headend");
}

TEST(AtomicFile, FollowsLinksAndSendsIntoPipes) {
  const testing::TemporaryFolder folder;
  const auto write = [](const std::filesystem::path& path) {
    AtomicFile file(path);
    file.write("....end");
    file.write_at(0, std::as_bytes(std::span(std::string_view("head"))));
    file.commit();
  };
  const auto target = folder.write("target", "before");
  std::filesystem::permissions(target, std::filesystem::perms::owner_all);
  std::filesystem::create_symlink("target", folder.path() / "link");
  std::filesystem::create_symlink("link", folder.path() / "link to link");
  write(folder.path() / "link to link");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link to link"));
  EXPECT_EQ(read_text_file(target), "headend");
  EXPECT_EQ(std::filesystem::status(target).permissions(), std::filesystem::perms::owner_all);

  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] { received = read_input_file(pipe); });
  write(pipe);
  reader.join();
  EXPECT_EQ(received, "headend");
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));

  const auto open = folder.write("open", "so far, ");
  const int fd = ::open(open.c_str(), O_WRONLY | O_APPEND);
  write("/proc/self/fd/" + std::to_string(fd));
  ::close(fd);
  EXPECT_EQ(read_text_file(open), "so far, headend");
  EXPECT_THROW(AtomicFile(folder.path()), Error) << "a directory";
}

TEST(MappedFile, ReadsWhatIsThereAndNamesWhatIsNot) {
  const testing::TemporaryFolder folder;
  const auto path = folder.write("a.txt", "abc");
  const auto file = MappedFile::open(path);
  EXPECT_EQ(file->bytes().size(), 3u);
  EXPECT_EQ(MappedFile::open(folder.write("empty", ""))->bytes().size(), 0u);
  try {
    MappedFile::open(folder.path() / "missing");
    FAIL() << "opened a missing file";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_NE(std::string(error.what()).find("missing"), std::string::npos);
  }
  EXPECT_THROW(MappedFile::open(folder.path()), Error);
}

TEST(ReadTextFile, RefusesAFileOverTheLimit) {
  const testing::TemporaryFolder folder;
  EXPECT_THROW(read_text_file(folder.write("big", "0123456789"), 9), Error);
  EXPECT_THROW(read_input_file("/dev/zero", 9), Error);
  EXPECT_THROW(read_text_file("/dev/zero", 9), Error);
}

}  // namespace
}  // namespace deepseek
