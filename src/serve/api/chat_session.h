// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/api/chat_job.h"

namespace deepseek::serve {

/// A function that the model calls.
struct ReplyCall {
  std::string name, arguments;
  std::string id;  // 24 random hexadecimal digits; dialects put a prefix before them

  /// The arguments; an empty object when the limit cut them off.
  nlohmann::ordered_json object() const;
};

/// A stretch of an answer of one kind: reasoning, content or, as call_begin, a call.
struct ReplySegment {
  ReplyPart::Kind kind = ReplyPart::Kind::content;
  std::string text;  // of a call: its function's name
  size_t call = 0;   // which one
};

/// One answer to a conversation as far as it has come.
struct ChatChoice {
  std::vector<ReplySegment> segments;  // in the order they were written
  std::vector<ReplyCall> calls;
  std::vector<Logprobs> logprobs;  // of each token, when asked for
  int64_t tokens = 0;
  bool begun = false;
  std::optional<ChoiceFinished> ended;
  bool called = false;  // a call is complete

  /// All text of the segments of this kind.
  std::string text(ReplyPart::Kind kind) const;
};

/// The answer to a conversation on its way from the scheduler to the client, in whatever dialect:
/// takes replies apart, counts, settles. A dialect says how it is written.
class ChatSession : public ReplySession, public std::enable_shared_from_this<ChatSession> {
 public:
  /// Takes from `started` all but the ticket, which run_session needs.
  ChatSession(std::shared_ptr<Answer> answer, std::shared_ptr<ModelHost> host, ChatAnswer& started,
              std::shared_ptr<ApiContext> context, const std::string& id_prefix);

  bool ready() final;
  void event(const TicketEvent& event) final;
  void failed(const std::exception_ptr& failure) final;

 protected:
  // These six only while the answer streams.
  virtual void write_queue(const QueuePosition& /*queue*/) {}
  virtual void write_progress(const PrefillProgress& /*progress*/) {}
  /// Before anything else of a choice.
  virtual void write_begin(size_t /*choice*/) {}
  /// What a choice has more, and the scores of the tokens that came with it. The choice holds it
  /// already. There may be scores without parts.
  virtual void write_parts(size_t choice, const std::vector<ReplyPart>& parts,
                           const std::vector<Logprobs>& scores) = 0;
  /// A choice is complete: its model ended it, a stop string or a limit.
  virtual void write_end(size_t /*choice*/) {}
  /// After the last choice. Ends the stream.
  virtual void write_last(const Finished& end) = 0;

  /// The whole answer at once.
  virtual void reply(const Finished& end) = 0;

  const std::shared_ptr<Answer> answer_;
  const std::shared_ptr<ModelHost> host_;
  const std::shared_ptr<ApiContext> context_;
  const std::string id_;
  const int64_t created_;        // seconds since 1970
  const int64_t prompt_tokens_;  // as submitted
  std::vector<ChatChoice> choices_;

 private:
  friend void run_session(const std::shared_ptr<ChatSession>& session, ChatAnswer& started);
  void watch();
  void begin(size_t index);
  void take(const Delta& delta);
  void take(const ChoiceFinished& ended);
  /// Keeps what a piece of text turned out to be, and writes it.
  void take(size_t index, const std::vector<ReplyPart>& parts, const std::vector<Logprobs>& scores);
  void finish(const Finished& end);

  const RequestClass work_;
  const std::shared_ptr<Bill> bill_;
  std::vector<ReplyParser> parsers_;
  bool cancelled_ = false;
};

/// Has the pump carry the answer to its session until its end, or until nobody waits for it.
void run_session(const std::shared_ptr<ChatSession>& session, ChatAnswer& started);

}  // namespace deepseek::serve
