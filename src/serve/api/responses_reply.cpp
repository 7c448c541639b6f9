// SPDX-License-Identifier: Apache-2.0
#include "serve/api/responses_reply.h"

#include "serve/api/key_check.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;
using Kind = ReplyPart::Kind;

ordered_json usage_of(const deepseek::Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

ordered_json part_of(Kind kind, const std::string& text) {
  if (kind == Kind::reasoning) return {{"type", "reasoning_text"}, {"text", text}};
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", ordered_json::array()},
          {"logprobs", ordered_json::array()}};
}

/// An item without its text.
ordered_json empty_item(const ReplySegment& segment, const ReplyCall* call) {
  if (segment.kind == Kind::reasoning)
    return {{"id", new_id("rs_")},
            {"type", "reasoning"},
            {"summary", ordered_json::array()},
            {"content", ordered_json::array()},
            {"status", "in_progress"}};
  if (segment.kind == Kind::content)
    return {{"id", new_id("msg_")},
            {"type", "message"},
            {"status", "in_progress"},
            {"role", "assistant"},
            {"content", ordered_json::array()}};
  return {{"id", "fc_" + call->id},        {"type", "function_call"}, {"status", "in_progress"},
          {"call_id", "call_" + call->id}, {"name", call->name},      {"arguments", ""}};
}

class ResponsesReply : public ChatSession {
 public:
  ResponsesReply(const std::shared_ptr<Answer>& answer, const std::shared_ptr<ModelHost>& host,
                 const ResponsesRequest& request, ChatAnswer& started,
                 const std::shared_ptr<ApiContext>& context)
      : ChatSession(answer, host, started, context, "resp_"),
        input_(request.input),
        echo_(request.echo),
        previous_id_(request.previous_id),
        store_(request.store) {
    if (request.stream) answer_->begin_stream();
  }

 private:
  ordered_json page(const char* status) const {
    ordered_json page = {{"id", id_},
                         {"object", "response"},
                         {"created_at", created_},
                         {"status", status},
                         {"background", false},
                         {"error", nullptr},
                         {"incomplete_details", nullptr},
                         {"output", output_},
                         {"usage", nullptr},
                         {"store", store_}};
    page.update(echo_);
    return page;
  }

  void send(const char* type, const ordered_json& more) {
    ordered_json event = {{"type", type}, {"sequence_number", sequence_++}};
    event.update(more);
    answer_->send(ServerEvent{.data = wire_text(event), .event = type});
  }

  /// An event about the item that is open.
  void send_of_item(const char* type, const ordered_json& more) {
    ordered_json event = {{"item_id", output_.back()["id"]}, {"output_index", output_.size() - 1}};
    event.update(more);
    send(type, event);
  }

  void write_begin(size_t /*choice*/) override {
    send("response.created", {{"response", page("in_progress")}});
    send("response.in_progress", {{"response", page("in_progress")}});
  }

  const ReplyCall* call_of(const ReplySegment& segment) const {
    return segment.kind == Kind::call_begin ? &choices_.front().calls[segment.call] : nullptr;
  }

  void open(const ReplySegment& segment) {
    open_ = segment.kind;
    text_.clear();
    output_.push_back(empty_item(segment, call_of(segment)));
    send("response.output_item.added",
         {{"output_index", output_.size() - 1}, {"item", output_.back()}});
    if (open_ != Kind::call_begin)
      send_of_item("response.content_part.added",
                   {{"content_index", 0}, {"part", part_of(*open_, "")}});
  }

  /// `status`: of the item.
  void close(const char* status) {
    if (!open_) return;
    ordered_json& item = output_.back();
    item["status"] = status;
    if (open_ == Kind::call_begin) {
      item["arguments"] = text_;
      send_of_item("response.function_call_arguments.done",
                   {{"name", item["name"]}, {"arguments", text_}});
    } else {
      const ordered_json part = part_of(*open_, text_);
      item["content"].push_back(part);
      if (open_ == Kind::content)
        send_of_item("response.output_text.done",
                     {{"content_index", 0}, {"text", text_}, {"logprobs", ordered_json::array()}});
      else
        send_of_item("response.reasoning_text.done", {{"content_index", 0}, {"text", text_}});
      send_of_item("response.content_part.done", {{"content_index", 0}, {"part", part}});
    }
    send("response.output_item.done", {{"output_index", output_.size() - 1}, {"item", item}});
    open_.reset();
  }

  void write_parts(size_t choice, const std::vector<ReplyPart>& parts,
                   const std::vector<Logprobs>& /*scores*/) override {
    for (const ReplyPart& part : parts) write(choices_[choice], part);
  }

  void write(const ChatChoice& choice, const ReplyPart& part) {
    switch (part.kind) {
      case Kind::reasoning:
      case Kind::content:
        if (open_ != part.kind) {
          close("completed");
          open({part.kind, ""});
        }
        text_ += part.text;
        if (part.kind == Kind::content)
          send_of_item(
              "response.output_text.delta",
              {{"content_index", 0}, {"delta", part.text}, {"logprobs", ordered_json::array()}});
        else
          send_of_item("response.reasoning_text.delta",
                       {{"content_index", 0}, {"delta", part.text}});
        return;
      case Kind::call_begin:
        close("completed");
        return open({part.kind, choice.calls[static_cast<size_t>(part.call)].name,
                     static_cast<size_t>(part.call)});
      case Kind::call_arguments:
        text_ += part.text;
        return send_of_item("response.function_call_arguments.delta", {{"delta", part.text}});
      case Kind::call_end:
        return close("completed");
    }
  }

  bool whole() const { return choices_.front().ended->reason != FinishReason::length; }

  void write_end(size_t /*choice*/) override { close(whole() ? "completed" : "incomplete"); }

  /// Every item of the answer, for one that was not streamed.
  void fill_output() {
    const ChatChoice& choice = choices_.front();
    for (const ReplySegment& segment : choice.segments) {
      ordered_json item = empty_item(segment, call_of(segment));
      item["status"] = "completed";
      if (segment.kind == Kind::call_begin)
        item["arguments"] = choice.calls[segment.call].arguments;
      else
        item["content"].push_back(part_of(segment.kind, segment.text));
      output_.push_back(std::move(item));
    }
    if (!whole() && !output_.empty()) output_.back()["status"] = "incomplete";
  }

  /// The last state, after it was stored.
  ordered_json last_page(const Finished& end) {
    ordered_json last = page(whole() ? "completed" : "incomplete");
    if (!whole()) last["incomplete_details"] = {{"reason", "max_output_tokens"}};
    last["usage"] = usage_of(end.usage);
    if (store_) {
      try {
        context_->accounts->responses()->put(
            holder_of(answer_->request()).owner,
            {id_, previous_id_, wire_text({{"input", input_}, {"response", last}}),
             created_ * 1000});
      } catch (const std::exception& error) {
        context_->accounts->notice(concat("a response is not stored: ", error.what()));
        last["store"] = false;
      }
    }
    return last;
  }

  void write_last(const Finished& end) override {
    const ordered_json last = last_page(end);
    send(whole() ? "response.completed" : "response.incomplete", {{"response", last}});
    answer_->finish();
  }

  void reply(const Finished& end) override {
    fill_output();
    answer_->reply(json_reply(wire_text(last_page(end))));
  }

  const ordered_json input_, echo_;
  const std::optional<std::string> previous_id_;
  const bool store_;
  ordered_json output_ = ordered_json::array();
  int64_t sequence_ = 0;
  std::optional<Kind> open_;  // of the last item while more may come to it
  std::string text_;          // of that item
};

}  // namespace

std::shared_ptr<ChatSession> responses_reply(const std::shared_ptr<Answer>& answer,
                                             const std::shared_ptr<ModelHost>& host,
                                             const ResponsesRequest& request, ChatAnswer& started,
                                             const std::shared_ptr<ApiContext>& context) {
  return std::make_shared<ResponsesReply>(answer, host, request, started, context);
}

}  // namespace deepseek::serve
