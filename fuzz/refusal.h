// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "core/error.h"

namespace deepseek::fuzz {

inline void require(bool fact) {
  if (!fact) std::abort();
}

/// Runs `action`, which may refuse its input with an Error of one of `kinds`; answers whether it
/// did not. Whatever else it throws ends the process: ErrorKind::internal is a bug of ours.
template <class Action>
bool accepts(std::initializer_list<ErrorKind> kinds, const Action& action) {
  try {
    action();
    return true;
  } catch (const Error& error) {
    if (std::find(kinds.begin(), kinds.end(), error.kind()) == kinds.end()) throw;
    return false;
  }
}

}  // namespace deepseek::fuzz
