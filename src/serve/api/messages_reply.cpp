// SPDX-License-Identifier: Apache-2.0
#include "serve/api/messages_reply.h"

#include "serve/api/messages_request.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;
using Kind = ReplyPart::Kind;

ordered_json usage_of(const deepseek::Usage& usage) {
  // Pages are cached by themselves and at no price: nothing counts as their creation.
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"thinking_tokens", usage.reasoning_tokens}}}};
}

class MessagesReply : public ChatSession {
 public:
  MessagesReply(const std::shared_ptr<Answer>& answer, const std::shared_ptr<ModelHost>& host,
                const MessagesReplyOptions& options, ChatAnswer& started,
                const std::shared_ptr<ApiContext>& context)
      : ChatSession(answer, host, started, context, "msg_"), options_(options) {
    if (options_.stream) answer_->begin_stream();
  }

 private:
  ordered_json message(ordered_json content, ordered_json reason, ordered_json sequence,
                       ordered_json usage) const {
    return {{"id", id_},
            {"type", "message"},
            {"role", "assistant"},
            {"model", options_.model.empty() ? host_->name() : options_.model},
            {"content", std::move(content)},
            {"stop_reason", std::move(reason)},
            {"stop_sequence", std::move(sequence)},
            {"stop_details", nullptr},
            {"usage", std::move(usage)}};
  }

  void send(const ordered_json& page) {
    const std::string type = page["type"].get<std::string>();
    answer_->send(ServerEvent{.data = wire_text(page), .event = type});
  }

  void write_progress(const PrefillProgress& progress) override { cached_ = progress.cached; }

  void write_begin(size_t /*choice*/) override {
    ordered_json usage = usage_of({.prompt_tokens = prompt_tokens_, .cached_tokens = cached_});
    send({{"type", "message_start"},
          {"message", message(ordered_json::array(), nullptr, nullptr, std::move(usage))}});
    send({{"type", "ping"}});
  }

  void open(Kind kind, ordered_json block) {
    open_ = kind;
    send({{"type", "content_block_start"}, {"index", block_}, {"content_block", std::move(block)}});
  }

  void delta(ordered_json delta) {
    send({{"type", "content_block_delta"}, {"index", block_}, {"delta", std::move(delta)}});
  }

  void close() {
    if (!open_) return;
    if (open_ == Kind::reasoning)
      delta({{"type", "signature_delta"}, {"signature", thinking_signature(thinking_)}});
    thinking_.clear();
    open_.reset();
    send({{"type", "content_block_stop"}, {"index", block_++}});
  }

  void write_parts(size_t choice, const std::vector<ReplyPart>& parts,
                   const std::vector<Logprobs>& /*scores*/) override {
    for (const ReplyPart& part : parts) write(choices_[choice], part);
  }

  void write(const ChatChoice& choice, const ReplyPart& part) {
    switch (part.kind) {
      case Kind::reasoning:
        if (!options_.shows_thinking) return;
        if (open_ != part.kind) {
          close();
          open(part.kind, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
        }
        thinking_ += part.text;
        return delta({{"type", "thinking_delta"}, {"thinking", part.text}});
      case Kind::content:
        if (open_ != part.kind) {
          close();
          open(part.kind, {{"type", "text"}, {"text", ""}, {"citations", nullptr}});
        }
        return delta({{"type", "text_delta"}, {"text", part.text}});
      case Kind::call_begin:
        close();
        return open(part.kind, {{"type", "tool_use"},
                                {"id", "toolu_" + choice.calls[static_cast<size_t>(part.call)].id},
                                {"name", part.text},
                                {"input", ordered_json::object()}});
      case Kind::call_arguments:
        return delta({{"type", "input_json_delta"}, {"partial_json", part.text}});
      case Kind::call_end:
        return close();
    }
  }

  void write_end(size_t /*choice*/) override { close(); }

  void write_last(const Finished& end) override {
    send({{"type", "message_delta"},
          {"delta",
           {{"stop_reason", stop_reason()},
            {"stop_sequence", stop_sequence()},
            {"stop_details", nullptr}}},
          {"usage", usage_of(end.usage)}});
    send({{"type", "message_stop"}});
    answer_->finish();
  }

  std::string stop_reason() const {
    const ChoiceFinished& ended = *choices_.front().ended;
    if (ended.reason == FinishReason::length) return "max_tokens";
    if (ended.stop_string) return "stop_sequence";
    return choices_.front().called ? "tool_use" : "end_turn";
  }

  ordered_json stop_sequence() const {
    const std::optional<size_t>& matched = choices_.front().ended->stop_string;
    return matched ? ordered_json(options_.stop_sequences.at(*matched)) : ordered_json(nullptr);
  }

  ordered_json block_of(const ReplySegment& segment) const {
    if (segment.kind == Kind::reasoning)
      return {{"type", "thinking"},
              {"thinking", segment.text},
              {"signature", thinking_signature(segment.text)}};
    if (segment.kind == Kind::content)
      return {{"type", "text"}, {"text", segment.text}, {"citations", nullptr}};
    const ReplyCall& call = choices_.front().calls[segment.call];
    return {{"type", "tool_use"},
            {"id", "toolu_" + call.id},
            {"name", call.name},
            {"input", call.object()}};
  }

  void reply(const Finished& end) override {
    ordered_json content = ordered_json::array();
    for (const ReplySegment& segment : choices_.front().segments)
      if (segment.kind != Kind::reasoning || options_.shows_thinking)
        content.push_back(block_of(segment));
    answer_->reply(json_reply(wire_text(
        message(std::move(content), stop_reason(), stop_sequence(), usage_of(end.usage)))));
  }

  const MessagesReplyOptions options_;
  int64_t cached_ = 0;
  int block_ = 0;             // index of the block that is open or comes next
  std::optional<Kind> open_;  // its kind; call_begin for a call
  std::string thinking_;      // of the block that is open
};

}  // namespace

std::shared_ptr<ChatSession> messages_reply(const std::shared_ptr<Answer>& answer,
                                            const std::shared_ptr<ModelHost>& host,
                                            const MessagesReplyOptions& options,
                                            ChatAnswer& started,
                                            const std::shared_ptr<ApiContext>& context) {
  return std::make_shared<MessagesReply>(answer, host, options, started, context);
}

}  // namespace deepseek::serve
