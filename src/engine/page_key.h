// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace deepseek {

/// SHA-256, 32 bytes.
using Digest = std::array<std::byte, 32>;

/// The digest of all parts, one after the other.
Digest sha256(std::span<const std::span<const std::byte>> parts);
Digest sha256(std::span<const std::byte> bytes);
std::string hex(std::span<const std::byte> bytes);

/// What a filled cache page is: a chain of SHA-256 over everything its values depend on. Pages of
/// equal keys hold equal bytes, and nobody can make a page of his be taken for another's.
using PageKey = Digest;

struct PageKeyHash {
  size_t operator()(const PageKey& key) const {
    size_t value = 0;
    std::memcpy(&value, key.data(), sizeof value);
    return value;
  }
};

/// The key before a sequence's first page: model, adapter and arithmetic, and the tenant's salt.
PageKey root_page_key(std::string_view fingerprint, const Digest& salt);

/// The key of the page that holds `tokens` [64] behind what `before` stands for.
PageKey next_page_key(const PageKey& before, std::span<const int32_t> tokens);

}  // namespace deepseek
