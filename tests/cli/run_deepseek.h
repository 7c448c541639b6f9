// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace deepseek::testing {

/// One call of the built binary, or of another program.
struct Call {
  std::vector<std::string> arguments;
  std::string input = {};
  /// On top of PATH, HOME and the like; the DEEPSEEK_*, HF_*, MODELSCOPE_*, locale and NO_COLOR
  /// variables of the caller are not passed on.
  std::map<std::string, std::string> environment = {};
  std::string output_path = {};  // of standard output, when it is not to be captured
  std::string program = {};      // looked for in PATH; empty: the built binary
};

struct Outcome {
  int exit_code = -1;  // -signal when one ended it
  std::string out, error;
};

/// What exec needs to start the binary for a call, in the home folder `home` unless HOME is given.
class Process {
 public:
  Process(const Call& call, const std::string& home);
  const char* path() const { return argv_.front(); }
  char* const* arguments() const { return argv_.data(); }
  char* const* environment() const { return envp_.data(); }

 private:
  std::vector<std::string> words_, variables_;
  std::vector<char*> argv_, envp_;  // into them
};

/// Runs the binary to its end, in an empty home folder unless HOME is given. Exit code 127: there
/// is no such program.
Outcome run_deepseek(const Call& call);

}  // namespace deepseek::testing
