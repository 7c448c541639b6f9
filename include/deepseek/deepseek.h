// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace deepseek {

/// The version of the library that is linked, such as "0.1.0".
std::string_view version() noexcept;

}  // namespace deepseek
