// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/file.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

TEST(InterruptDeathTest, AModelFileCutShortWhileItIsReadEndsWithAMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto read_what_is_gone = [] {
    handle_signals();
    const testing::TemporaryFolder folder;
    const auto path = folder.write("model.gguf", std::string(1 << 16, 'x'));
    const auto mapped = MappedFile::open(path);
    std::filesystem::resize_file(path, 0);
    volatile auto byte = mapped->bytes()[1 << 15];
    static_cast<void>(byte);
  };
  EXPECT_EXIT(read_what_is_gone(), ::testing::ExitedWithCode(3),
              "a mapped model file became shorter");
}

}  // namespace
}  // namespace deepseek::cli
