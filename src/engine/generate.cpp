// SPDX-License-Identifier: Apache-2.0
#include "engine/generate.h"

#include <algorithm>
#include <chrono>

namespace deepseek {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Conversation::Conversation(TextModel& model) : model_(model), sequence_(model.engine().add()) {}

Conversation::~Conversation() { model_.engine().drop(sequence_); }

StepResult Conversation::step(std::vector<int32_t> tokens, StepSpan::Logits logits) {
  const std::vector<StepSpan> spans{{sequence_, tokens, logits}};
  std::optional<StepResult> result = model_.engine().step(spans);
  if (!result)
    fail(ErrorKind::out_of_memory, "the cache of ",
         model_.engine().pool().total_pages() * tokens_per_page, " tokens cannot hold ",
         held_.size() + tokens.size(), "; raise --cache-bytes or shorten the conversation");
  held_.insert(held_.end(), tokens.begin(), tokens.end());
  return *std::move(result);
}

Tensor Conversation::prefill(const std::vector<int32_t>& prompt, const GenerateOptions& options,
                             Generated& out) {
  const auto common = std::ranges::mismatch(held_, prompt).in1 - held_.begin();
  // The last token always runs again: its logits are what the first new token is drawn from.
  const auto kept = std::min<int64_t>(common, static_cast<int64_t>(prompt.size()) - 1);
  model_.engine().truncate(sequence_, kept);
  held_.resize(static_cast<size_t>(kept));
  out.cached_tokens = kept;
  Tensor logits;
  for (size_t at = static_cast<size_t>(kept); at < prompt.size();) {
    if (options.cancelled && options.cancelled()) return {};
    const size_t end = std::min(
        prompt.size(), at + static_cast<size_t>(std::max<int64_t>(options.prefill_chunk, 1)));
    const bool last = end == prompt.size();
    logits = step({prompt.begin() + static_cast<int64_t>(at),
                   prompt.begin() + static_cast<int64_t>(end)},
                  last ? StepSpan::Logits::last : StepSpan::Logits::none)
                 .logits;
    at = end;
    if (options.progress)
      options.progress({"reading the prompt", int64_t(at), int64_t(prompt.size()), "tokens"});
  }
  return logits;
}

Generated Conversation::generate(const std::vector<int32_t>& prompt, const GenerateOptions& options,
                                 const PieceSink& sink) {
  if (prompt.empty()) fail(ErrorKind::invalid_input, "prompt: expected text, got none");
  const auto prompt_tokens = static_cast<int64_t>(prompt.size());
  if (prompt_tokens > model_.context_length())
    fail(ErrorKind::invalid_input, "prompt: ", prompt_tokens, " tokens, but the context holds ",
         model_.context_length(), "; ", model_.context_remedy());
  const int64_t room = model_.context_length() - prompt_tokens;
  ContinuationOptions how;
  how.sample = options.sample;
  how.max_tokens = options.max_tokens < 0 ? room : std::min(room, options.max_tokens);
  how.stop = options.stop;
  if (!options.ignore_end) how.end_tokens = model_.end_tokens();
  how.logprobs = options.logprobs;
  how.top_logprobs = options.top_logprobs;
  Continuation answer(std::move(how), &model_.tokenizer(), model_.config().vocab_size);
  Generated out;
  out.prompt_tokens = prompt_tokens;
  const auto show = [&](std::string_view piece) {
    if (piece.empty()) return;
    out.text += piece;
    if (sink) sink(piece);
  };

  auto start = std::chrono::steady_clock::now();
  Tensor logits = prefill(prompt, options, out);
  out.prefill_seconds = seconds_since(start);
  start = std::chrono::steady_clock::now();
  answer.add_prompt(prompt);
  while (!answer.finish()) {
    if (!logits.defined() || (options.cancelled && options.cancelled())) {
      show(answer.end(FinishReason::cancelled));
      break;
    }
    ContinuationPiece piece = answer.advance(logits.values(), static_cast<int64_t>(held_.size()));
    if (piece.logprobs) out.logprobs.push_back(*std::move(piece.logprobs));
    show(piece.text);
    if (!answer.finish()) logits = step({*piece.token}, StepSpan::Logits::last).logits;
  }
  out.tokens = answer.tokens();
  out.finish = *answer.finish();
  out.decode_seconds = seconds_since(start);
  return out;
}

}  // namespace deepseek
