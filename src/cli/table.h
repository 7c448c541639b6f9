// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"

namespace deepseek::cli {

/// Prints rows in aligned columns; the first has the headings, all are as long as it.
void print_table(const std::vector<std::vector<std::string>>& rows, Console& console);

}  // namespace deepseek::cli
