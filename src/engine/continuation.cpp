// SPDX-License-Identifier: Apache-2.0
#include "engine/continuation.h"

#include <algorithm>

#include "core/error.h"

namespace deepseek {
namespace {

bool ends_with(std::span<const int32_t> tokens, const std::vector<int32_t>& marker) {
  return !marker.empty() && tokens.size() >= marker.size() &&
         std::equal(marker.begin(), marker.end(), tokens.end() - ptrdiff_t(marker.size()));
}

bool any_bit(std::span<const uint64_t> mask) {
  return std::any_of(mask.begin(), mask.end(), [](uint64_t word) { return word != 0; });
}

void check_tokens(const char* field, std::span<const int32_t> tokens, int64_t vocab) {
  for (const int32_t token : tokens)
    if (token < 0 || token >= vocab)
      fail(ErrorKind::invalid_input, field, ": expected token ids from 0 to ", vocab - 1, ", got ",
           token);
}

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
    case FinishReason::timeout:
      return "timeout";
    case FinishReason::error:
      return "error";
  }
  return "stop";
}

Continuation::Continuation(ContinuationOptions options, const Tokenizer* tokenizer, int64_t vocab)
    : options_(std::move(options)),
      vocab_(vocab),
      sampler_(options_.sample, vocab),
      stops_(options_.stop) {
  if (tokenizer != nullptr)
    decoder_.emplace(*tokenizer);
  else if (!options_.stop.empty())
    fail(ErrorKind::invalid_input,
         "stop: this model has no tokenizer, so its answers have no text");
  if (options_.max_tokens < 0)
    fail(ErrorKind::invalid_input, "max_tokens: expected 0 or more, got ", options_.max_tokens);
  if (options_.thinking) {
    ThinkingOptions& thinking = *options_.thinking;
    if (thinking.forced_close.empty()) thinking.forced_close = thinking.close;
    if (thinking.budget >= 0 && thinking.forced_close.empty())
      fail(ErrorKind::invalid_input,
           "thinking budget: this model has no token that ends reasoning");
    check_tokens("thinking", thinking.open, vocab);
    check_tokens("thinking", thinking.close, vocab);
    check_tokens("thinking", thinking.forced_close, vocab);
    thinking_ = thinking.open_at_start;
  }
  if (options_.max_tokens == 0) finish_ = FinishReason::length;
}

void Continuation::add_prompt(std::span<const int32_t> tokens) { sampler_.add_prompt(tokens); }

int64_t Continuation::remaining() const {
  return options_.max_tokens - static_cast<int64_t>(tokens_.size());
}

std::optional<int32_t> Continuation::forced_token() {
  if (!thinking_) return std::nullopt;
  const ThinkingOptions& thinking = *options_.thinking;
  const auto close = static_cast<int64_t>(thinking.forced_close.size());
  const bool used_up = thinking.budget >= 0 && reasoning_tokens_ >= thinking.budget;
  const int64_t least = options_.constraint ? options_.constraint->least_tokens() : 0;
  const bool no_room_left = least > 0 && remaining() <= close + least;
  if (!forcing_ && close > 0 && (used_up || no_room_left)) {
    forcing_ = true;
    forced_ = 0;
  }
  if (!forcing_) return std::nullopt;
  return thinking.forced_close[forced_++];
}

int32_t Continuation::draw(std::span<const float> logits, int64_t position) {
  const bool no_end = static_cast<int64_t>(tokens_.size()) < options_.min_tokens ||
                      (options_.constraint != nullptr && thinking_);
  const std::set<int32_t>& barred = no_end ? options_.end_tokens : options_.avoided_end;
  if (!constrained() && barred.empty()) return sampler_.sample(logits, position);
  mask_.resize(static_cast<size_t>(vocab_ + 63) / 64);
  if (constrained())
    options_.constraint->fill_mask(mask_, remaining());
  else
    std::fill(mask_.begin(), mask_.end(), ~uint64_t{0});
  if (vocab_ % 64 != 0) mask_.back() &= (uint64_t{1} << (vocab_ % 64)) - 1;
  if (!barred.empty()) {
    std::vector<int32_t> cleared;
    for (const int32_t token : barred) {
      uint64_t& word = mask_[static_cast<size_t>(token) / 64];
      const uint64_t bit = uint64_t{1} << (token % 64);
      if ((word & bit) != 0) cleared.push_back(token);
      word &= ~bit;
    }
    // A constraint that leaves nothing but the end has its way.
    if (!any_bit(mask_))
      for (const int32_t token : cleared)
        mask_[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
  }
  return sampler_.sample(logits, position, mask_);
}

void Continuation::follow_thinking() {
  if (!options_.thinking) return;
  const ThinkingOptions& thinking = *options_.thinking;
  const auto seen = std::span(tokens_).subspan(thinking_from_);
  if (forcing_) {
    if (forced_ < thinking.forced_close.size()) return;
    forcing_ = thinking_ = false;
  } else if (thinking_) {
    ++reasoning_tokens_;
    if (!ends_with(seen, thinking.close)) return;
    reasoning_tokens_ -= static_cast<int64_t>(thinking.close.size());
    thinking_ = false;
  } else {
    if (!ends_with(seen, thinking.open)) return;
    thinking_ = true;
  }
  thinking_from_ = tokens_.size();
}

ContinuationPiece Continuation::advance(std::span<const float> logits, int64_t position) {
  ContinuationPiece piece;
  const std::optional<int32_t> forced = forced_token();
  const int32_t token = forced ? *forced : draw(logits, position);
  if (!forced && options_.end_tokens.contains(token)) {
    end_token_ = token;
    if (options_.logprobs) end_logprobs_ = log_probabilities(logits, token, options_.top_logprobs);
    return finish_with(FinishReason::stop, std::move(piece));
  }
  piece.token = token;
  piece.thinking = thinking_;
  if (options_.logprobs) {
    piece.logprobs = log_probabilities(logits, token, options_.top_logprobs);
    cumulative_logprob_ += piece.logprobs->chosen.logprob;
  }
  if (constrained()) options_.constraint->accept(token);
  const bool complete = constrained() && options_.constraint->finished();
  sampler_.add_output(token);
  tokens_.push_back(token);
  follow_thinking();
  piece.thinking |= thinking_;
  if (decoder_) piece.text = stops_.feed(decoder_->push(token));
  if (stops_.matched() || complete) return finish_with(FinishReason::stop, std::move(piece));
  if (remaining() <= 0) return finish_with(FinishReason::length, std::move(piece));
  return piece;
}

ContinuationPiece Continuation::finish_with(FinishReason reason, ContinuationPiece piece) {
  piece.text += end(reason);
  return piece;
}

std::string Continuation::end(FinishReason reason) {
  if (finish_) return {};
  finish_ = reason;
  if (stops_.matched()) return {};
  std::string text = decoder_ ? stops_.feed(decoder_->finish()) : std::string();
  if (stops_.matched())
    finish_ = FinishReason::stop;
  else
    text += stops_.finish();
  return text;
}

}  // namespace deepseek
