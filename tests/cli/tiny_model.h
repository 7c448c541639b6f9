// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace deepseek::testing {

/// A byte-level tokenizer of 100 ids with merges "he" (95) and "Ġhe" (96), special tokens <s> (97)
/// and </s> (99), and an added token that is not special, <tool> (98).
std::string small_tokenizer();

/// The config of a llama model of two layers and 100 tokens, context 256.
nlohmann::json small_config();

/// A Hugging Face folder with that model, random weights, tokenizer and chat template.
void write_small_model(const std::filesystem::path& folder,
                       const nlohmann::json& config = small_config());

}  // namespace deepseek::testing
