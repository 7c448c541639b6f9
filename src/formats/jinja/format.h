// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// Python's `format % values`; `values` is a tuple, a dict for %(name)s, or one value.
Text format_percent(Runtime& runtime, const Text& format, const Value& values);

/// Python's format.format(*positional, **named), without attributes of replaced fields.
Text format_braces(Runtime& runtime, const Text& format, const Arguments& arguments);

}  // namespace deepseek::jinja
