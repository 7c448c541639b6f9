// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/setting.h"

namespace deepseek::cli {

/// The settings of one call and where each came from: flag, else DEEPSEEK_* variable, else
/// config.yaml, else the default of the schema.
class Flags {
 public:
  enum class Origin { preset, file, environment, flag };
  struct Value {
    std::vector<std::string> texts;  // one, or one per use for a list
    Origin origin = Origin::preset;
    std::string place;  // "--threads", "DEEPSEEK_THREADS", "config.yaml:3: threads"
  };

  /// Throws invalid_input for unknown flags (naming the nearest) and values, bad_file and
  /// not_found for config.yaml.
  static Flags parse(const Command& command, std::span<const std::string_view> arguments);

  /// Absent when the argument was left out.
  std::optional<std::string> argument(std::string_view name) const;
  std::string required_argument(std::string_view name) const;
  /// All that were given for the last argument, "[MODEL…]".
  std::vector<std::string> arguments(std::string_view name) const;

  bool given(std::string_view name) const { return find(name) != nullptr; }
  const Value* find(std::string_view name) const;
  bool on(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<int64_t> size_bytes(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;

  /// Throws invalid_input when the command line gives --`name` although it is not `used`: it goes
  /// with `partner`, such as "--mtp". Variables and config.yaml serve many calls, so they may.
  void refuse_idle(std::string_view name, bool used, std::string_view partner) const;

  /// The configuration file that was read, if any.
  const std::optional<std::filesystem::path>& config_file() const { return config_file_; }
  /// DEEPSEEK_* variables that are no setting.
  const std::vector<std::string>& ignored_variables() const { return ignored_variables_; }

 private:
  void read_command_line(const Command& command, std::span<const std::string_view> arguments);
  void read_environment();
  void read_config_file();

  std::map<std::string, std::vector<std::string>, std::less<>> arguments_;
  std::map<std::string, Value, std::less<>> values_;
  std::optional<std::filesystem::path> config_file_;
  std::vector<std::string> ignored_variables_;
};

}  // namespace deepseek::cli
