// SPDX-License-Identifier: Apache-2.0
// A program outside the project: the installed header and library are all that it sees.
#include <deepseek/deepseek.h>

#include <iostream>

std::string_view version_seen_by_another_file();

int main() {
  std::cout << "linked with deepseek " << deepseek::version() << '\n';
  return deepseek::version() == version_seen_by_another_file() ? 0 : 1;
}
