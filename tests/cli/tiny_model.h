// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"

namespace deepseek::testing {

/// A byte-level tokenizer of 100 ids with merges "he" (95) and "Ġhe" (96), special tokens <s> (97)
/// and </s> (99), and an added token that is not special, <tool> (98).
std::string small_tokenizer();
/// The same with a token for each of the 256 bytes first, 261 ids in all: any text can be spelled.
std::string byte_tokenizer();

/// The config of a llama model of two layers and 100 tokens, context 256.
nlohmann::json small_config();

/// The same with 261 tokens, context 2048, for byte_tokenizer.
nlohmann::json byte_config();

/// A Hugging Face folder with that model, random weights, the tokenizer of its size and chat
/// template.
void write_small_model(const std::filesystem::path& folder,
                       const nlohmann::json& config = small_config());

/// Makes the last norm of that model NaN, and so all of its logits.
void damage_last_norm(const std::filesystem::path& folder);

}  // namespace deepseek::testing
