// SPDX-License-Identifier: Apache-2.0
#include "engine/page_key.h"

#include <openssl/evp.h>

#include <memory>

#include "core/error.h"
#include "ops/cached_attention.h"

namespace deepseek {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

Digest sha256(std::span<const std::span<const std::byte>> parts) {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const auto& part : parts)
    good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  Digest digest;
  good = good && EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                    nullptr) == 1;
  if (!good) fail(ErrorKind::internal, "SHA-256 failed in OpenSSL");
  return digest;
}

Digest sha256(std::span<const std::byte> bytes) {
  const std::array<std::span<const std::byte>, 1> parts{bytes};
  return sha256(parts);
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte b : bytes) {
    text += digits[std::to_integer<size_t>(b >> 4)];
    text += digits[std::to_integer<size_t>(b & std::byte{15})];
  }
  return text;
}

PageKey root_page_key(std::string_view fingerprint, const Digest& salt) {
  // Hashed by itself, so that its length cannot move a border.
  const Digest model = sha256(bytes_of(fingerprint));
  const std::array<std::span<const std::byte>, 3> parts{bytes_of("deepseek page chain 1"), model,
                                                        salt};
  return sha256(parts);
}

PageKey next_page_key(const PageKey& before, std::span<const int32_t> tokens) {
  if (static_cast<int64_t>(tokens.size()) != tokens_per_page)
    fail(ErrorKind::internal, "page key: expected ", tokens_per_page, " tokens, got ",
         tokens.size());
  const std::array<std::span<const std::byte>, 2> parts{before, std::as_bytes(tokens)};
  return sha256(parts);
}

}  // namespace deepseek
