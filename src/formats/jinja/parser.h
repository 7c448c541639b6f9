// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "formats/jinja/ast.h"
#include "formats/jinja/runtime.h"

namespace deepseek::jinja {

/// The statements of a template. Throws bad_file naming `name`, the line and what was expected.
Body parse(std::string_view source, const std::string& name, const Limits& limits);

}  // namespace deepseek::jinja
