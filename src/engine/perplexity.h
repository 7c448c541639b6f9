// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/progress.h"
#include "engine/engine.h"

namespace deepseek {

struct PerplexityOptions {
  int64_t window = 1024;  // tokens a window holds
  int64_t stride = 0;     // from one window to the next; 0: the window, so that none overlap
  ProgressSink progress;
};

struct PerplexityResult {
  int64_t windows = 0;
  int64_t scored_tokens = 0;
  double mean_nll = 0;        // negative log-likelihood of a scored token, in nats
  double standard_error = 0;  // of mean_nll, tokens taken as independent
  double seconds = 0;
};

/// How well a model predicts token lists. Each list is cut into windows that are run on their own;
/// the first token of a window is not scored, nor is one that an earlier window has scored. The
/// last window of a list may be shorter. Throws invalid_input for a list of fewer than two tokens,
/// a stride over the window, or an id outside the vocabulary; out_of_memory when the engine's cache
/// does not hold a window; bad_file when logits are not finite.
PerplexityResult measure_perplexity(Engine& engine, const std::vector<std::vector<int32_t>>& lists,
                                    const PerplexityOptions& options);

}  // namespace deepseek
