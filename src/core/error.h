// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/text.h"
#include "deepseek/error.h"

namespace deepseek {

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
