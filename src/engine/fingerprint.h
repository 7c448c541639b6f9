// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace deepseek {

/// Hex digest that differs when a checkpoint (a file, or what a folder holds), its adapter, or the
/// way it is computed differ: `arithmetic` says the latter, such as the cache's type. Of each file
/// its name, size, time of change and samples of its bytes count. What cannot be read counts as
/// absent.
std::string model_fingerprint(const std::filesystem::path& checkpoint,
                              const std::optional<std::filesystem::path>& adapter,
                              std::string_view arithmetic);

}  // namespace deepseek
