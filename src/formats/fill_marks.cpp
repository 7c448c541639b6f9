// SPDX-License-Identifier: Apache-2.0
#include "formats/fill_marks.h"

#include <algorithm>
#include <array>

namespace deepseek {
namespace {

constexpr std::array<FillMarks, 3> known_marks{{
    {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},  // DeepSeek-Coder, V2, V3 (PSM)
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},  // Qwen2.5
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
}};

}  // namespace

const FillMarks* find_fill_marks(const Tokenizer& tokenizer) {
  const auto* const found = std::ranges::find_if(known_marks, [&](const FillMarks& marks) {
    return tokenizer.find_token(marks.prefix).has_value();
  });
  return found == known_marks.end() ? nullptr : found;
}

}  // namespace deepseek
