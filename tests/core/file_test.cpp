// SPDX-License-Identifier: Apache-2.0
#include "core/file.h"

#include <gtest/gtest.h>

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
}

}  // namespace
}  // namespace deepseek
