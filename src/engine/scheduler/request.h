// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/continuation.h"

namespace deepseek {

/// Batch work runs in what interactive work leaves over.
enum class RequestClass { interactive, batch };

/// Bytes that tell apart whose prompts may share cached pages: who does not know another's salt
/// cannot see, not even by timing, what that one's prompts were.
using CacheSalt = std::array<std::byte, 32>;

/// One answer to the request's prompt.
struct ChoiceRequest {
  SampleOptions sample;                         // seed and choice tell answers apart
  std::shared_ptr<TokenConstraint> constraint;  // null: free; never shared by two choices
};

/// How many answers to a prompt are drawn, until when, and what is reported about them.
struct GenerateRequest {
  std::vector<int32_t> prompt;
  /// One or more; they share the pages of the prompt.
  std::vector<ChoiceRequest> choices = std::vector<ChoiceRequest>(1);

  int64_t max_tokens = -1;  // of each choice; -1: up to the context; 0: only the prompt is scored
  int64_t min_tokens = 0;   // no token that ends a generation before so many
  StopStrings stop;         // text that ends an answer; never shown
  std::set<int32_t> stop_tokens;  // end an answer beside the model's own; never shown
  bool ignore_end = false;        // the model's end tokens are ordinary ones; bound text still ends
  std::optional<ThinkingOptions> thinking;

  bool logprobs = false;  // of each token drawn
  int64_t top_logprobs = 0;
  bool prompt_logprobs = false;  // of each token of the prompt, given those before it
  int64_t top_prompt_logprobs = 0;

  RequestClass request_class = RequestClass::interactive;
  /// Whose share of the machine it takes. Empty is a tenant like any other.
  std::string tenant;
  double weight = 1;  // of the tenant's share, positive; that of its latest request counts
  CacheSalt salt{};
  bool use_cache = true;  // false: neither reads nor leaves cached pages

  /// From submission on; zero: none. The answer ends with FinishReason::timeout. Batch work waits
  /// as long as it takes: its last two count from when its prompt begins to be computed.
  std::chrono::milliseconds queue_deadline{0};        // until its prompt begins to be computed
  std::chrono::milliseconds first_token_deadline{0};  // until its first token
  std::chrono::milliseconds total_deadline{0};

  /// Wants PrefillProgress and QueuePosition events.
  bool report_progress = false;
};

/// A prompt of which the hidden states are wanted.
struct EmbedRequest {
  enum class Pooling { mean, last };
  std::vector<int32_t> tokens;
  Pooling pooling = Pooling::mean;
  RequestClass request_class = RequestClass::interactive;
  std::string tenant;
  double weight = 1;
  std::chrono::milliseconds queue_deadline{0}, total_deadline{0};  // as GenerateRequest's
};

}  // namespace deepseek
