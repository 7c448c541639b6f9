// SPDX-License-Identifier: Apache-2.0
#include "core/base64.h"

#include <cstdint>

namespace deepseek {

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = i; j < i + 3; ++j)
      group = group << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    const size_t kept = bytes.size() - i < 3 ? bytes.size() - i + 1 : 4;
    for (size_t j = 0; j < 4; ++j) text += j < kept ? letters[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

}  // namespace deepseek
