// SPDX-License-Identifier: Apache-2.0
#include "serve/api/page_answer.h"

#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr auto between_saves = std::chrono::seconds(3);

std::string dumped(const ordered_json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

int64_t ms_since(Clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
}

}  // namespace

PageAnswer::PageAnswer(std::shared_ptr<Page> page, HttpRequest request,
                       std::shared_ptr<ModelHost> host, ChatAnswer& started, ReplayStream stream,
                       store::ChatMessage message)
    : page_(std::move(page)),
      request_(std::move(request)),
      owner_(page_owner(request_)),
      host_(std::move(host)),
      bill_(std::move(started.bill)),
      parser_(std::move(started.parsers.front())),
      work_(started.work),
      stream_(std::move(stream)),
      message_(std::move(message)),
      details_(ordered_json::parse(message_.details)),
      reasoning_began_(Clock::now()),
      saved_(reasoning_began_) {
  request_.body = {};
}

PageAnswer::~PageAnswer() {
  if (over_) return;
  details_["state"] = "cut_off";
  save();
  stream_.fail(cut_off(), ErrorDialect::openai, "");
  page_->remove(stream_.id());
}

void PageAnswer::begin() {
  stream_.send(dumped({{"answer", stream_.id()},
                       {"message", page_message(message_)},
                       {"model", host_->name()}}),
               "begin");
}

void PageAnswer::event(const TicketEvent& event) {
  if (const auto* queue = std::get_if<QueuePosition>(&event)) {
    stream_.send(dumped({{"ahead", queue->ahead}}), "queue");
  } else if (const auto* prefill = std::get_if<PrefillProgress>(&event)) {
    stream_.send(dumped({{"total", prefill->total},
                         {"cached", prefill->cached},
                         {"processed", prefill->processed}}),
                 "progress");
  } else if (const auto* delta = std::get_if<Delta>(&event)) {
    tokens_ += static_cast<int64_t>(delta->tokens.size());
    bill_->produced(static_cast<int64_t>(delta->tokens.size()));
    show(parser_.feed(delta->text));
    if (Clock::now() - saved_ > between_saves) save();
  } else if (const auto* ended = std::get_if<ChoiceFinished>(&event)) {
    show(parser_.finish(ended->reason != FinishReason::stop));
    reason_ = ended->reason;
  } else if (const auto* end = std::get_if<Finished>(&event)) {
    finish(*end);
  }
}

void PageAnswer::show(const std::vector<ReplyPart>& parts) {
  for (const ReplyPart& part : parts) {
    const bool reasons = part.kind == ReplyPart::Kind::reasoning;
    if (!reasons && part.kind != ReplyPart::Kind::content) continue;
    if (reasons) {
      if (message_.reasoning.empty()) reasoning_began_ = Clock::now();
      details_["reasoning_ms"] = ms_since(reasoning_began_);
    }
    const std::string text = store::storable_text(part.text);
    (reasons ? message_.reasoning : message_.content) += text;
    stream_.send(dumped({{reasons ? "reasoning" : "content", text}, {"tokens", tokens_}}), "delta");
  }
}

void PageAnswer::finish(const Finished& end) {
  const bool cancelled = reason_ == FinishReason::cancelled;
  const bool own_limit =
      end.late && is_own_limit(request_, page_->api()->time_limits, *end.late, work_);
  bill_->settle(charged_tokens(end, true, own_limit), outcome_of(end, cancelled));
  details_["state"] = end.error ? "failed" : cancelled ? "stopped" : "done";
  details_["finish_reason"] = cancelled ? "stopped" : finish_reason(reason_, false);
  details_["usage"] = usage_json(end.usage);
  details_["timings"] = timings_json(end.timings, end.usage);
  if (end.error) {
    const RequestError error = as_request_error(failure_of(end, own_limit));
    details_["error"] = error.what();
    save();
    stream_.fail(error, ErrorDialect::openai, "");
  } else {
    save();
    stream_.send(dumped({{"message", page_message(message_)}}), "end");
    stream_.finish();
  }
  page_->remove(stream_.id());
  over_ = true;
}

/// A chat that was deleted meanwhile, or is full, keeps nothing; the answer itself goes on.
void PageAnswer::save() {
  saved_ = Clock::now();
  message_.details = dumped(details_);
  try {
    page_->keep(owner_, message_);
  } catch (const std::exception& error) {
    page_->api()->accounts->notice(concat("an answer is not kept: ", error.what()));
  }
}

}  // namespace deepseek::serve
