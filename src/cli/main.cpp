// SPDX-License-Identifier: Apache-2.0
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/interrupt.h"

int main(int argc, char** argv) {
  deepseek::cli::handle_signals();
  const std::vector<std::string_view> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return deepseek::cli::run_command_line(arguments);
}
