// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace deepseek {

/// Bytes in base64 (RFC 4648, section 4), padded.
std::string to_base64(std::string_view bytes);

}  // namespace deepseek
