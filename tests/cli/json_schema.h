// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/json.h"

namespace deepseek::testing {

/// Whether `text` is one JSON value that the schema docs/schemas/<name>.json accepts, and names no
/// property the schema lacks. Of JSON Schema: type, enum, minimum, required, properties, items.
::testing::AssertionResult follows_schema(const std::string& name, const std::string& text);

}  // namespace deepseek::testing
