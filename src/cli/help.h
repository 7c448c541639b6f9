// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/setting.h"

namespace deepseek::cli {

/// The page of one verb: usage, what it does, flags, examples.
void print_help(const Command& command, Console& console);

// What help and the manual pages share.

/// "--threads"; "--no-parse-special" where that is what changes something.
std::string flag_of(const Setting& setting);
/// What it does, its choices and its default.
std::string description_of(const Setting& setting, Language language);
std::vector<std::string> lines_of(std::string_view text);

struct ExitCode {
  int code;
  std::string_view name;  // message "exit.<name>" explains it
};
std::span<const ExitCode> exit_codes();

}  // namespace deepseek::cli
