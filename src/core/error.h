// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/text.h"

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

/// Process exit code of an error kind; the table of `deepseek help exit-codes`.
int exit_code(ErrorKind kind);

/// Stable name of a kind, as `--json` errors print it.
std::string_view error_kind_name(ErrorKind kind);

/// Throws an Error whose message is all `parts` printed one after the other.
template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, concat(parts...));
}

}  // namespace deepseek
