// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace deepseek {

/// What went wrong, from the point of view of whoever can fix it. `internal` means our bug: nothing
/// a user supplies may lead to it.
enum class ErrorKind {
  internal,
  invalid_input,
  bad_file,
  not_found,
  unsupported,
  out_of_memory,
  network,
  busy,
  interrupted,
};

/// The one exception type of the project. The message names what, where, expected, got and the
/// remedy, on one line.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace deepseek
