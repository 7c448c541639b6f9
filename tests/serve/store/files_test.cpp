// SPDX-License-Identifier: Apache-2.0
#include "serve/store/files.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "core/file.h"
#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;
namespace fs = std::filesystem;

class FilesOn : public OnBothBackends {
 protected:
  Files make() { return {*database, folder.path(), clock}; }
  int contents() const {
    int count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path() / "files"))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
};
RUN_ON_BOTH_BACKENDS(FilesOn);

TEST_P(FilesOn, ContentIsKeptUnderItsDigest) {
  Files files = make();
  const FileRecord file = files.add("k", "../../etc/passwd", "batch", "hello");
  EXPECT_TRUE(file.id.starts_with("file-"));
  EXPECT_EQ(file.size_bytes, 5);
  EXPECT_EQ(file.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(read_text_file(files.content_path(file)), "hello");
  EXPECT_EQ(files.content_path(file), folder.path() / "files/2c" / file.sha256);
  const auto found = files.find("k", file.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "../../etc/passwd");
  EXPECT_EQ(found->purpose, "batch");
  EXPECT_FALSE(files.find("another key", file.id));
}

TEST_P(FilesOn, EqualContentIsThereOnceAndGoesWithItsLastRecord) {
  Files files = make();
  const FileRecord one = files.add("k", "a", "batch", "same"),
                   two = files.add("l", "b", "batch", "same");
  EXPECT_EQ(contents(), 1);
  EXPECT_EQ(files.total_bytes(), 8);
  EXPECT_FALSE(files.remove("l", one.id));
  EXPECT_TRUE(files.remove("k", one.id));
  EXPECT_FALSE(files.remove("k", one.id));
  EXPECT_EQ(read_text_file(files.content_path(two)), "same");
  EXPECT_TRUE(files.remove("l", two.id));
  EXPECT_EQ(contents(), 0);
  EXPECT_EQ(files.total_bytes(), 0);
}

TEST_P(FilesOn, AnUploadThatStopsLeavesNothing) {
  Files files = make();
  {
    Files::Upload upload = files.begin("k", "a", "batch", 10);
    upload.write("12345");
    EXPECT_EQ(contents(), 1);
    refused(ErrorKind::invalid_input, [&] { upload.write("678901"); });
  }
  EXPECT_EQ(contents(), 0);
  EXPECT_TRUE(files.list("k", "", "", 10).empty());
  refused(ErrorKind::invalid_input, [&] { files.begin("k", "", "batch", 10); });
  refused(ErrorKind::invalid_input, [&] { files.begin("k", "\xff", "batch", 10); });
  refused(ErrorKind::invalid_input, [&] { files.begin("k", "a", std::string(300, 'x'), 10); });
}

TEST_P(FilesOn, AreListedInPages) {
  Files files = make();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(files.add("k", concat("f", i), i == 2 ? "other" : "batch", concat(i)).id);
    if (i % 2 == 0) clock.advance(1);  // some share their time
  }
  std::vector<std::string> listed;
  for (std::string after;;) {
    const auto page = files.list("k", "", after, 2);
    if (page.empty()) break;
    for (const FileRecord& file : page) listed.push_back(file.id);
    after = listed.back();
  }
  ASSERT_EQ(listed.size(), 5);
  std::sort(ids.begin(), ids.end());
  std::sort(listed.begin(), listed.end());
  EXPECT_EQ(listed, ids);
  EXPECT_EQ(files.list("k", "other", "", 10).size(), 1);
  EXPECT_TRUE(files.list("l", "", "", 10).empty());
}

TEST_P(FilesOn, TidyingRemovesWhatExpiredAndWhatCrashesLeft) {
  Files files = make();
  Files::Upload upload = files.begin("k", "a", "batch", 10, *clock.now_ms + 100);
  upload.write("soon gone");
  const FileRecord expiring = upload.finish();
  const FileRecord kept = files.add("k", "b", "batch", "stays");
  const fs::path orphan = folder.path() / "files/aa" / std::string(64, 'a');
  const fs::path partial = folder.path() / "files/upload-xyz",
                 fresh = folder.path() / "files/upload-new";
  fs::create_directories(orphan.parent_path());
  for (const fs::path& path : {orphan, partial, fresh}) std::ofstream(path) << "x";
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const fs::path& path : {orphan, partial, files.content_path(kept)})
    fs::last_write_time(path, old);
  clock.advance(100);
  EXPECT_FALSE(files.find("k", expiring.id));
  files.tidy();
  EXPECT_FALSE(fs::exists(orphan) || fs::exists(partial) ||
               fs::exists(files.content_path(expiring)));
  EXPECT_TRUE(fs::exists(fresh));
  EXPECT_EQ(read_text_file(files.content_path(kept)), "stays");
}

}  // namespace
}  // namespace deepseek::store
