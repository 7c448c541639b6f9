// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "formats/tokenizer_parts.h"

namespace deepseek {

/// The components of a tokenizer.json other than its model, each read from its JSON into `parts`.
/// `null` stands for an absent one. All throw bad_file for what is malformed and unsupported,
/// naming it, for a component that is not done here.
void read_normalizer(const nlohmann::json& value, TokenizerParts& parts);
void read_pre_tokenizer(const nlohmann::json& value, TokenizerParts& parts);
void read_post_processor(const nlohmann::json& value, TokenizerParts& parts);
void check_decoder(const nlohmann::json& value, const TokenizerParts& parts);
void read_added_tokens(const nlohmann::json& value, TokenizerParts& parts);

/// The split of GPT-2's own tokenizer, which ByteLevel brings along.
extern const char* const gpt2_split;

}  // namespace deepseek
