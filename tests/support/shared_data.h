// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek::testing {

/// The folder of reference data beside the checkout, ../shared or $DEEPSEEK_SHARED, if it is there.
std::optional<std::filesystem::path> shared_folder();

/// Content of a file; a name that ends in .zst is decompressed.
std::string read_data(const std::filesystem::path& path);

/// The text split on '\n' alone, without a last empty line.
std::vector<std::string> split_lines(std::string_view text);

}  // namespace deepseek::testing

/// Names the path of `relative` in the shared folder, or skips the test and says so.
#define DEEPSEEK_SHARED_OR_SKIP(variable, relative)                                 \
  if (!::deepseek::testing::shared_folder() ||                                      \
      !std::filesystem::exists(*::deepseek::testing::shared_folder() / (relative))) \
    GTEST_SKIP() << "reference data not present: ../shared/" << (relative);         \
  const std::filesystem::path variable = *::deepseek::testing::shared_folder() / (relative)
