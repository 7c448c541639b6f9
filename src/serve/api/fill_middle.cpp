// SPDX-License-Identifier: Apache-2.0
#include "serve/api/fill_middle.h"

#include <algorithm>
#include <array>

#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

/// The marks around a text with a hole, in the order prefix, suffix, middle.
struct FillMarks {
  const char *prefix, *suffix, *middle;
};

constexpr std::array<FillMarks, 3> fill_marks{{
    {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},  // DeepSeek-Coder, V2, V3 (PSM)
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},  // Qwen2.5
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
}};

}  // namespace

std::vector<int32_t> fill_in_the_middle(const Tokenizer& tokenizer, const std::string& prefix,
                                        const std::string& suffix) {
  for (const FillMarks& marks : fill_marks) {
    if (!tokenizer.find_token(marks.prefix)) continue;
    const std::vector<TextSpan> spans{{marks.prefix, true},
                                      {prefix, false},
                                      {marks.suffix, true},
                                      {suffix, false},
                                      {marks.middle, true}};
    return tokenizer.encode(spans, tokenizer.special_tokens().add_bos);
  }
  refuse_param(422, "suffix", "this model was not taught to fill in the middle");
}

bool can_fill_in_the_middle(const Tokenizer& tokenizer) {
  return std::ranges::any_of(fill_marks, [&](const FillMarks& marks) {
    return tokenizer.find_token(marks.prefix).has_value();
  });
}

}  // namespace deepseek::serve
