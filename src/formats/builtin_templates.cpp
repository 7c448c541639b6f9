// SPDX-License-Identifier: Apache-2.0
#include "formats/builtin_templates.h"

#include "formats/tokenizer.h"

namespace deepseek {

std::optional<std::string_view> builtin_template_family(const Tokenizer& tokenizer) {
  if (!tokenizer.find_token("<｜begin▁of▁sentence｜>")) return std::nullopt;
  // V2.5 and V3 have an <|EOT|> too.
  if (tokenizer.find_token("<｜User｜>")) return "deepseek-v3";
  if (tokenizer.find_token("<|EOT|>")) return "deepseek-coder";
  return "deepseek-llm";
}

}  // namespace deepseek
