// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// As Python's repr(float): the shortest digits that read back the same.
std::string float_text(double value);

/// As Python's str(value); an undefined value prints as nothing.
TextPtr to_text(Runtime& runtime, const Value& value);

/// As Python's repr(value).
Text repr(Runtime& runtime, const Value& value);

}  // namespace deepseek::jinja
