// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/setting.h"

namespace deepseek::cli {

struct ConfigEntry {
  const Setting* setting;
  std::string text;
  int line;  // from 1
};

/// `chosen` (from --config or DEEPSEEK_CONFIG), which must exist, else
/// $XDG_CONFIG_HOME/deepseek/config.yaml or ~/.config/deepseek/config.yaml when it exists.
std::optional<std::filesystem::path> find_config_file(const std::optional<std::string>& chosen);

/// Throws bad_file naming file and line for anything but a map of known settings to values, with
/// the nearest name of an unknown one.
std::vector<ConfigEntry> read_config(const std::filesystem::path& path);

}  // namespace deepseek::cli
