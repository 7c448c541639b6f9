// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler.h"
#include "engine/stop.h"
#include "engine/token_constraint.h"
#include "formats/tokenizer.h"

namespace deepseek {

/// Why an answer ended. `timeout`: a deadline passed. `error`: the step that carried it failed.
enum class FinishReason { stop, length, cancelled, timeout, error };
std::string_view finish_reason_name(FinishReason reason);

/// How reasoning is told apart from the answer, and how long it may be.
struct ThinkingOptions {
  std::vector<int32_t> open,
      close;                   // token ids that begin and end reasoning, as the model has them
  bool open_at_start = false;  // the prompt ends inside reasoning
  /// Tokens of reasoning after which `forced_close` is written in the model's stead; -1: no limit.
  int64_t budget = -1;
  std::vector<int32_t> forced_close;  // empty: `close`
};

/// How one answer is drawn from logits, and when it ends.
struct ContinuationOptions {
  SampleOptions sample;
  std::shared_ptr<TokenConstraint> constraint;  // counts only outside reasoning; null: none
  std::optional<ThinkingOptions> thinking;
  int64_t max_tokens = 0;  // at least 0
  int64_t min_tokens = 0;
  StopStrings stop;
  std::set<int32_t> end_tokens;   // end the answer, are no part of it
  std::set<int32_t> avoided_end;  // of them, those that come only where a constraint has no other
  bool logprobs = false;
  int64_t top_logprobs = 0;
};

/// What one token added to an answer.
struct ContinuationPiece {
  std::string text;                  // became final with it; may be empty, or from tokens before
  std::optional<int32_t> token;      // none when the answer ended without one
  std::optional<Logprobs> logprobs;  // of the token, when asked for
  bool thinking = false;             // the token is reasoning or a marker of it
};

/// One answer as it grows: draws each token, sees the end tokens, stop strings, limits and the
/// bounds of reasoning, and turns ids into text that never shows half a character. What it does
/// depends on the options, the logits and the tokens alone.
class Continuation {
 public:
  /// Without a tokenizer there is no text, and stop strings are refused. Throws invalid_input as
  /// SampleOptions::validate and StopMatcher.
  Continuation(ContinuationOptions options, const Tokenizer* tokenizer, int64_t vocab);

  /// Tokens before the answer, for the penalties. Throws invalid_input outside the vocabulary.
  void add_prompt(std::span<const int32_t> tokens);

  /// Draws from `logits` [vocab] the token at `position`. Only while there is no finish(); after
  /// it, unless it finished, the token drawn is what comes next. Throws bad_file for logits that
  /// are no numbers and invalid_input when the constraint allows no token.
  ContinuationPiece advance(std::span<const float> logits, int64_t position);

  /// Ends the answer from outside and gives what text was held back.
  std::string end(FinishReason reason);

  std::optional<FinishReason> finish() const { return finish_; }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  int64_t reasoning_tokens() const { return reasoning_tokens_; }
  bool thinking() const { return thinking_; }
  /// Sum of the logprobs of the tokens, when they were asked for.
  double cumulative_logprob() const { return cumulative_logprob_; }
  std::optional<size_t> matched_stop() const { return stops_.matched(); }
  std::optional<int32_t> end_token() const { return end_token_; }
  /// Of the end token, when they were asked for; not in the sum.
  const std::optional<Logprobs>& end_logprobs() const { return end_logprobs_; }

 private:
  int32_t draw(std::span<const float> logits, int64_t position);
  std::optional<int32_t> forced_token();
  bool constrained() const { return options_.constraint != nullptr && !thinking_; }
  void follow_thinking();
  int64_t remaining() const;
  ContinuationPiece finish_with(FinishReason reason, ContinuationPiece piece);

  ContinuationOptions options_;
  int64_t vocab_;
  Sampler sampler_;
  StopMatcher stops_;
  std::optional<StreamDecoder> decoder_;
  std::vector<int32_t> tokens_;
  std::vector<uint64_t> mask_;  // [(vocab + 63) / 64] when it is needed
  std::optional<FinishReason> finish_;
  std::optional<int32_t> end_token_;
  std::optional<Logprobs> end_logprobs_;
  bool thinking_ = false;
  size_t thinking_from_ = 0;  // tokens before it belong to a marker that was already seen
  size_t forced_ = 0;         // tokens of forced_close written so far
  bool forcing_ = false;
  int64_t reasoning_tokens_ = 0;
  double cumulative_logprob_ = 0;
};

}  // namespace deepseek
