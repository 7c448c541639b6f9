// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "formats/tokenizer.h"

namespace deepseek::serve {

/// A token of a prompt or an answer; the first of a prompt has no scores.
struct ScoredToken {
  int32_t token;
  std::optional<Logprobs> scores;
};
using ScoredTokens = std::vector<ScoredToken>;

/// The `logprobs` of the completions API, as JSON: of all `parts`, one after the other. `offset`:
/// characters of the text before them; afterwards, those before what follows them.
std::string scores_text(const Tokenizer& tokenizer,
                        std::initializer_list<std::span<const ScoredToken>> parts, int64_t& offset);

}  // namespace deepseek::serve
