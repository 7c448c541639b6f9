// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"
#include "cli/console.h"

namespace deepseek::cli {

/// The page of one verb: usage, what it does, flags, examples.
void print_help(const Command& command, Console& console);

}  // namespace deepseek::cli
