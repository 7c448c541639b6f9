// SPDX-License-Identifier: Apache-2.0
#include "serve/api/chat_session.h"

#include "serve/http/request_error.h"

namespace deepseek::serve {

using Kind = ReplyPart::Kind;

nlohmann::ordered_json ReplyCall::object() const {
  constexpr JsonLimits limits{.keys = 65536};
  nlohmann::ordered_json value;
  if (json_shape(arguments, limits) == JsonShape::fits)
    value = nlohmann::ordered_json::parse(arguments, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? std::move(value) : nlohmann::ordered_json::object();
}

std::string ChatChoice::text(Kind kind) const {
  std::string text;
  for (const ReplySegment& segment : segments)
    if (segment.kind == kind) text += segment.text;
  return text;
}

ChatSession::ChatSession(std::shared_ptr<Answer> answer, std::shared_ptr<ModelHost> host,
                         ChatAnswer& started, std::shared_ptr<ApiContext> context,
                         const std::string& id_prefix)
    : answer_(std::move(answer)),
      host_(std::move(host)),
      context_(std::move(context)),
      id_(new_id(id_prefix)),
      created_(unix_time()),
      prompt_tokens_(started.prompt_tokens),
      choices_(started.parsers.size()),
      work_(started.work),
      bill_(std::move(started.bill)),
      parsers_(std::move(started.parsers)) {
  answer_->add_headers(bill_->headers());
  for (const std::string& warning : started.warnings)
    answer_->add_headers({{"warning", concat("199 deepseek \"", warning, "\"")}});
}

void ChatSession::watch() {
  answer_->on_abandoned([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    ReplyPump::cancel(*self);
    self->context_->pump.wake(self);  // it may have waited for the client to read
  });
}

bool ChatSession::ready() {
  if (answer_->writable()) return true;
  answer_->on_writable([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->context_->pump.wake(self);
  });
  return false;
}

void ChatSession::failed(const std::exception_ptr& failure) {
  if (!answer_->streams()) bill_->settle({}, store::Outcome::failed);
  answer_->fail(failure);
}

void ChatSession::event(const TicketEvent& event) {
  if (const auto* queue = std::get_if<QueuePosition>(&event)) {
    if (answer_->streams()) write_queue(*queue);
  } else if (const auto* progress = std::get_if<PrefillProgress>(&event)) {
    if (answer_->streams()) write_progress(*progress);
  } else if (const auto* delta = std::get_if<Delta>(&event)) {
    take(*delta);
  } else if (const auto* ended = std::get_if<ChoiceFinished>(&event)) {
    take(*ended);
  } else if (const auto* end = std::get_if<Finished>(&event)) {
    finish(*end);
  }
}

void ChatSession::begin(size_t index) {
  if (choices_[index].begun) return;
  choices_[index].begun = true;
  if (answer_->streams()) write_begin(index);
}

void ChatSession::take(const Delta& delta) {
  ChatChoice& choice = choices_[delta.choice];
  choice.tokens += static_cast<int64_t>(delta.tokens.size());
  bill_->produced(static_cast<int64_t>(delta.tokens.size()));
  begin(delta.choice);
  choice.logprobs.insert(choice.logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
  take(delta.choice, parsers_[delta.choice].feed(delta.text), delta.logprobs);
}

void ChatSession::take(size_t index, const std::vector<ReplyPart>& parts,
                       const std::vector<Logprobs>& scores) {
  ChatChoice& choice = choices_[index];
  for (const ReplyPart& part : parts) {
    switch (part.kind) {
      case Kind::reasoning:
      case Kind::content:
        if (choice.segments.empty() || choice.segments.back().kind != part.kind)
          choice.segments.push_back({part.kind, ""});
        choice.segments.back().text += part.text;
        break;
      case Kind::call_begin:
        choice.segments.push_back({part.kind, part.text, choice.calls.size()});
        choice.calls.push_back({part.text, "", new_id("")});
        break;
      case Kind::call_arguments:
        choice.calls[static_cast<size_t>(part.call)].arguments += part.text;
        break;
      case Kind::call_end:
        choice.called = true;
        break;
    }
  }
  if (answer_->streams() && (!parts.empty() || !scores.empty())) write_parts(index, parts, scores);
}

void ChatSession::take(const ChoiceFinished& ended) {
  const bool failed = ended.reason != FinishReason::stop && ended.reason != FinishReason::length;
  // A stream that failed before its first event is a plain error.
  if (!failed) begin(ended.choice);
  take(ended.choice, parsers_[ended.choice].finish(ended.reason != FinishReason::stop), {});
  choices_[ended.choice].ended = ended;
  cancelled_ |= ended.reason == FinishReason::cancelled;
  if (answer_->streams() && !failed) write_end(ended.choice);
}

void ChatSession::finish(const Finished& end) {
  const ChatChoice& first = choices_.front();
  answer_->summarise({.model = host_->name(),
                      .finish_reason = first.ended
                                           ? finish_reason(first.ended->reason, first.called)
                                           : std::string(),
                      .prompt_tokens = end.usage.prompt_tokens,
                      .cached_tokens = end.usage.cached_tokens,
                      .completion_tokens = end.usage.completion_tokens,
                      .reasoning_tokens = end.usage.reasoning_tokens,
                      .queue_ms = end.timings.queue_ms,
                      .first_token_ms = end.timings.first_token_ms});
  const bool own_limit =
      end.late && is_own_limit(answer_->request(), context_->time_limits, *end.late, work_);
  const store::TokenCounts used = charged_tokens(end, answer_->streams(), own_limit);
  if (end.error || cancelled_) {
    bill_->settle(used, outcome_of(end, cancelled_));
    if (end.error) return answer_->fail(failure_of(end, own_limit));
    // Nobody waits for it, and it is not the whole answer.
    return answer_->fail(std::make_exception_ptr(cut_off()));
  }
  answer_->charge_at_end(bill_, used, store::Outcome::complete);
  if (answer_->streams())
    write_last(end);
  else
    reply(end);
}

void run_session(const std::shared_ptr<ChatSession>& session, ChatAnswer& started) {
  session->context_->pump.run(session, std::move(started.ticket));
  session->watch();
}

}  // namespace deepseek::serve
