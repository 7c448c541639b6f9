// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace deepseek::store {

/// SHA-256 over bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void add(std::string_view bytes);
  /// The 32 raw bytes; nothing may be added afterwards.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// 32 raw bytes.
std::string sha256(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);

/// Lower-case digits, two a byte.
std::string to_hex(std::string_view bytes);
/// Absent unless `text` is an even number of hexadecimal digits.
std::optional<std::string> from_hex(std::string_view text);

/// Whether both are the same bytes, in a time that depends on the sizes alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// From the operating system's generator.
std::string random_bytes(size_t count);
/// Letters and digits, each one of 62 with equal chance: 5.95 bits a character.
std::string random_letters(size_t count);
/// `prefix` and 24 random letters: an identifier nobody guesses or draws twice.
std::string make_id(std::string_view prefix);

}  // namespace deepseek::store
