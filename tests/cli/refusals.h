// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace deepseek::testing {

/// One way to be refused. In arguments and environment DIR stands for a fresh folder.
struct Refusal {
  const char* section;
  const char* reason;  // what is wrong, as the page of refusals says it
  std::vector<std::string> arguments;
  int exit_code;
  std::function<void(const std::filesystem::path& folder)> prepare = {};
  std::string input = {};
  std::map<std::string, std::string> environment = {};
  const char* output_path = "";
};

/// In the order of the page.
std::vector<Refusal> refusals();

}  // namespace deepseek::testing
