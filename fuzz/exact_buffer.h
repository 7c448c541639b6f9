// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

namespace deepseek::fuzz {

/// A copy of the input, aligned as a mapped file is, whose last byte is the last one that may be
/// read.
inline std::shared_ptr<const std::byte> exact_buffer(const uint8_t* data, size_t size) {
  void* copy = nullptr;
  if (::posix_memalign(&copy, 64, size == 0 ? 1 : size) != 0) std::abort();
  if (size > 0) std::memcpy(copy, data, size);
  return {static_cast<const std::byte*>(copy),
          [](const std::byte* bytes) { std::free(const_cast<std::byte*>(bytes)); }};
}

/// Reads every byte, in a way that no compiler leaves out.
inline void touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += static_cast<unsigned>(byte);
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

}  // namespace deepseek::fuzz
