// SPDX-License-Identifier: Apache-2.0
#include "formats/byte_level.h"

#include <array>
#include <cstdint>

#include "core/utf8.h"

namespace deepseek {
namespace {

constexpr bool spells_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

constexpr std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    characters[byte] = spells_itself(byte) ? char32_t(byte) : next++;
  return characters;
}

constexpr std::array<char32_t, 256> alphabet = make_alphabet();
constexpr int alphabet_end = 0x144;

constexpr std::array<int16_t, alphabet_end> make_byte_of() {
  std::array<int16_t, alphabet_end> byte_of{};
  for (int16_t& byte : byte_of) byte = -1;
  for (int byte = 0; byte < 256; ++byte) byte_of[alphabet[byte]] = int16_t(byte);
  return byte_of;
}

constexpr std::array<int16_t, alphabet_end> byte_of = make_byte_of();

}  // namespace

bool append_byte_level(std::string& bytes, std::string_view spelling) {
  const size_t before = bytes.size();
  for (size_t i = 0; i < spelling.size();) {
    // Every character of the alphabet has one or two bytes.
    const unsigned char lead = static_cast<unsigned char>(spelling[i]);
    int code_point = -1;
    if (lead < 0x80) {
      code_point = lead;
      i += 1;
    } else if (lead >= 0xC2 && lead <= 0xC5 && i + 1 < spelling.size()) {
      const unsigned char second = static_cast<unsigned char>(spelling[i + 1]);
      if ((second & 0xC0) == 0x80) code_point = (lead & 0x1F) << 6 | (second & 0x3F);
      i += 2;
    }
    if (code_point < 0 || code_point >= alphabet_end || byte_of[code_point] < 0) {
      bytes.resize(before);
      return false;
    }
    bytes.push_back(static_cast<char>(byte_of[code_point]));
  }
  return true;
}

std::string byte_level_spelling(std::string_view bytes) {
  std::string spelling;
  for (const char byte : bytes) append_utf8(spelling, alphabet[static_cast<unsigned char>(byte)]);
  return spelling;
}

}  // namespace deepseek
