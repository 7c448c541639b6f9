// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "formats/tokenizer_parts.h"

namespace deepseek {

/// Fills `parts` from the text of a tokenizer.json. Throws bad_file for what is malformed,
/// unsupported for a component that is not done here.
void read_tokenizer_json(std::string_view text, TokenizerParts& parts);

/// Adds what a tokenizer_config.json says: the roles of tokens, and whether BOS and EOS surround a
/// text. `tokenizer` is the one that `parts` are of.
void read_tokenizer_config(std::string_view text, const std::string& name,
                           const Tokenizer& tokenizer, TokenizerParts& parts);

}  // namespace deepseek
