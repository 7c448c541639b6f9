// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "serve/api/chat_job.h"
#include "serve/api/page.h"

namespace deepseek::serve {

/// One answer that the page asked for. Its events go to whoever follows it, now or after a reload;
/// its text goes into the chat as it grows, and is there whole when it ends:
///   begin     {answer, message, model}
///   queue     {ahead}
///   progress  {total, cached, processed}
///   delta     {reasoning | content, tokens}, `tokens` being all so far
///   end       {message}
///   error     as the API's, after which the chat holds what came
class PageAnswer : public ReplySession {
 public:
  /// `message` is the one in the chat that the answer fills.
  PageAnswer(std::shared_ptr<Page> page, HttpRequest request, std::shared_ptr<ModelHost> host,
             ChatAnswer& started, ReplayStream stream, store::ChatMessage message);
  /// Dropped by a server that stops: the chat holds what came.
  ~PageAnswer() override;

  void begin();
  void event(const TicketEvent& event) override;
  void failed(const std::exception_ptr& /*failure*/) override {}  // the end of this object tells it

 private:
  void show(const std::vector<ReplyPart>& parts);
  void finish(const Finished& end);
  void save();

  std::shared_ptr<Page> page_;
  HttpRequest request_;  // without its body
  const std::string owner_;
  std::shared_ptr<ModelHost> host_;
  std::shared_ptr<Bill> bill_;
  ReplyParser parser_;
  const RequestClass work_;
  ReplayStream stream_;
  store::ChatMessage message_;
  nlohmann::ordered_json details_;
  int64_t tokens_ = 0;
  bool over_ = false;
  FinishReason reason_ = FinishReason::stop;
  std::chrono::steady_clock::time_point reasoning_began_, saved_;
};

}  // namespace deepseek::serve
