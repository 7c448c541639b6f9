// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace deepseek::cli {

class Console;
class Flags;

/// A verb of the command line. Messages "verb.<name>" and "verb.<name>.about" describe it.
struct Command {
  std::string_view name;
  std::string_view arguments;  // "MODEL FILE"; brackets mark those that may be left out
  std::string_view flags;      // names of settings, without the common ones
  std::string_view examples;   // one a line
  int (*run)(const Flags& flags, Console& console);
  bool reads_config = true;
  std::string_view alias = {};  // another name; empty: none
};

std::span<const Command> commands();
/// Throws invalid_input naming the nearest verb.
const Command& find_command(std::string_view name);

/// Its name and, where it has one, its alias.
std::vector<std::string_view> command_names(const Command& command);
/// What it has of the latter.
std::vector<std::string_view> aliases_of(const Command& command);

/// Names of the settings a verb takes, the common ones at the end.
std::vector<std::string_view> flag_names(const Command& command);

/// Runs one command line (without the program's name) and answers its exit code. Never throws.
int run_command_line(std::span<const std::string_view> arguments);

}  // namespace deepseek::cli
