// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace deepseek {

/// What a `tokenizer.ggml.pre` name stands for: patterns that cut one after the other.
struct GgufPre {
  std::string_view name;
  std::array<const char*, 6> splits;  // null after the last
  bool ignore_merges = false, add_bos = false;
};

/// Of several names for one rule the last is the one to write.
std::span<const GgufPre> known_gguf_pres();

}  // namespace deepseek
