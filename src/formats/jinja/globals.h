// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/jinja/interpreter.h"

namespace deepseek::jinja {

/// The functions every template can call: range, namespace, dict, joiner, and those that Hugging
/// Face adds, raise_exception and strftime_now.
Dict make_globals(Runtime& runtime);

}  // namespace deepseek::jinja
