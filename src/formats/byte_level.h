// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace deepseek {

/// The alphabet of byte-level BPE (GPT-2): every byte is spelled as one printable character, so
/// that a vocabulary can be written as text. Printable bytes of Latin-1 spell themselves, the
/// others follow from U+0100 on ("Ġ" is the space).

/// Appends the bytes that `spelling` stands for; false, with `bytes` unchanged, when a character is
/// not of the alphabet.
bool append_byte_level(std::string& bytes, std::string_view spelling);

/// `bytes` as the alphabet spells them.
std::string byte_level_spelling(std::string_view bytes);

}  // namespace deepseek
