// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace deepseek {

/// The chat template of a DeepSeek family whose published files carry none: "deepseek-llm",
/// "deepseek-coder", "deepseek-v2", "deepseek-v2.5", "deepseek-v3", …
std::optional<std::string_view> builtin_template(std::string_view family);

std::vector<std::string_view> builtin_template_families();

class Tokenizer;

/// The family among these whose chats a tokenizer was made for, told by its special tokens; nothing
/// for tokenizers of others.
std::optional<std::string_view> builtin_template_family(const Tokenizer& tokenizer);

}  // namespace deepseek
