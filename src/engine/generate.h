// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/continuation.h"
#include "engine/text_model.h"

namespace deepseek {

struct GenerateOptions {
  SampleOptions sample;
  int64_t max_tokens = -1;  // -1: up to the context
  std::vector<std::string> stop;
  bool ignore_end = false;
  bool logprobs = false;
  int top_logprobs = 0;
  int64_t prefill_chunk = 512;
  /// Asked after every step; true ends the generation with what there is.
  std::function<bool()> cancelled;
  ProgressSink progress;  // of the prompt
};

struct Generated {
  std::string text;
  std::vector<int32_t> tokens;
  FinishReason finish = FinishReason::stop;
  std::vector<Logprobs> logprobs;  // one a token, when asked for
  int64_t prompt_tokens = 0, cached_tokens = 0;
  double prefill_seconds = 0, decode_seconds = 0;
};

/// Takes each piece of text as it becomes final: whole characters, nothing of a stop string.
using PieceSink = std::function<void(std::string_view piece)>;

/// One sequence of a model that keeps its cache between calls: a prompt that begins like what is
/// held computes only the rest.
class Conversation {
 public:
  explicit Conversation(TextModel& model);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  /// Continues `prompt`. Throws invalid_input when it is empty or longer than the context, and
  /// out_of_memory when the cache cannot hold it.
  Generated generate(const std::vector<int32_t>& prompt, const GenerateOptions& options,
                     const PieceSink& sink = {});

 private:
  /// Logits after the prompt; [0, vocab] when cancelled.
  Tensor prefill(const std::vector<int32_t>& prompt, const GenerateOptions& options,
                 Generated& out);
  StepResult step(std::vector<int32_t> tokens, StepSpan::Logits logits);

  TextModel& model_;
  SequenceId sequence_;
  std::vector<int32_t> held_;
};

}  // namespace deepseek
