// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/tokenizer.h"

namespace deepseek::serve {

/// The prompt to which the text between `prefix` and `suffix` is the answer. Throws RequestError
/// 422 when the tokenizer has no marks for that.
std::vector<int32_t> fill_in_the_middle(const Tokenizer& tokenizer, const std::string& prefix,
                                        const std::string& suffix);

}  // namespace deepseek::serve
