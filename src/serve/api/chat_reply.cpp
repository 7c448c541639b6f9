// SPDX-License-Identifier: Apache-2.0
#include "serve/api/chat_reply.h"

#include <utility>

#include "serve/api/request_fields.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Kind = ReplyPart::Kind;

class ChatReply : public ChatSession {
 public:
  ChatReply(const std::shared_ptr<Answer>& answer, const std::shared_ptr<ModelHost>& host,
            const json& body, ChatAnswer& started, const std::shared_ptr<ApiContext>& context)
      : ChatSession(answer, host, started, context, "chatcmpl-"),
        model_(field<std::string>(body, "model").value_or(host->name())),
        timings_(wants_timings(body)) {
    if (!field<bool>(body, "stream").value_or(false)) return;
    if (const auto options = body.find("stream_options");
        options != body.end() && options->is_object()) {
      include_usage_ = field<bool>(*options, "include_usage").value_or(false);
      continuous_usage_ = field<bool>(*options, "continuous_usage_stats").value_or(false);
    }
    answer_->begin_stream();
  }

 private:
  ordered_json chunk(ordered_json choices) const {
    return {{"id", id_},
            {"object", "chat.completion.chunk"},
            {"created", created_},
            {"model", model_},
            {"system_fingerprint", host_->scheduler().fingerprint()},
            {"choices", std::move(choices)}};
  }

  void send_delta(size_t index, ordered_json delta, ordered_json logprobs = nullptr,
                  ordered_json reason = nullptr) {
    ordered_json choice = {{"index", index},
                           {"delta", std::move(delta)},
                           {"logprobs", std::move(logprobs)},
                           {"finish_reason", std::move(reason)}};
    ordered_json page = chunk(ordered_json::array({std::move(choice)}));
    if (continuous_usage_) {
      int64_t tokens = 0;
      for (const ChatChoice& one : choices_) tokens += one.tokens;
      page["usage"] = counts_json(prompt_tokens_, tokens);
    } else if (include_usage_) {
      page["usage"] = nullptr;
    }
    answer_->send(wire_text(page));
  }

  void write_queue(const QueuePosition& queue) override {
    ordered_json page = chunk(ordered_json::array());
    page.update(progress_fields(queue));
    answer_->send(wire_text(page));
  }

  void write_progress(const PrefillProgress& progress) override {
    ordered_json page = chunk(ordered_json::array());
    page.update(progress_fields(progress));
    answer_->send(wire_text(page));
  }

  void write_begin(size_t index) override {
    ordered_json delta = {{"role", "assistant"}, {"content", ""}};
    if (host_->reply_form().thinks) {
      delta["content"] = nullptr;
      delta["reasoning_content"] = "";
    }
    send_delta(index, std::move(delta));
  }

  ordered_json delta_of(const ChatChoice& choice, const ReplyPart& part) const {
    switch (part.kind) {
      case Kind::reasoning:
        return {{"reasoning_content", part.text}};
      case Kind::call_begin:
        return {
            {"tool_calls", ordered_json::array(
                               {{{"index", part.call},
                                 {"id", "call_" + choice.calls[static_cast<size_t>(part.call)].id},
                                 {"type", "function"},
                                 {"function", {{"name", part.text}, {"arguments", ""}}}}})}};
      case Kind::call_arguments:
        return {{"tool_calls", ordered_json::array({{{"index", part.call},
                                                     {"function", {{"arguments", part.text}}}}})}};
      default:
        return {{"content", part.text}};
    }
  }

  /// Scores go with the first part.
  void write_parts(size_t index, const std::vector<ReplyPart>& parts,
                   const std::vector<Logprobs>& scores) override {
    ordered_json logprobs =
        scores.empty() ? ordered_json(nullptr)
                       : ordered_json{{"content", scores_json(host_->tokenizer(), scores)}};
    if (parts.empty()) return send_delta(index, ordered_json::object(), std::move(logprobs));
    for (const ReplyPart& part : parts) {
      if (part.kind == Kind::call_end) continue;
      send_delta(index, delta_of(choices_[index], part), std::exchange(logprobs, nullptr));
    }
  }

  std::string reason_of(size_t index) const {
    return finish_reason(choices_[index].ended->reason, choices_[index].called);
  }

  void write_end(size_t index) override {
    send_delta(index, ordered_json::object(), nullptr, reason_of(index));
  }

  void write_last(const Finished& end) override {
    if (include_usage_ || timings_) {
      ordered_json page = chunk(ordered_json::array());
      if (include_usage_) page["usage"] = usage_json(end.usage);
      if (timings_) page["timings"] = timings_json(end.timings, end.usage);
      answer_->send(page.dump());
    }
    answer_->done();
  }

  ordered_json message_of(const ChatChoice& choice) const {
    ordered_json message = {{"role", "assistant"}};
    const std::string content = choice.text(Kind::content);
    message["content"] =
        content.empty() && !choice.calls.empty() ? ordered_json(nullptr) : ordered_json(content);
    if (host_->reply_form().thinks) message["reasoning_content"] = choice.text(Kind::reasoning);
    for (const ReplyCall& call : choice.calls)
      message["tool_calls"].push_back(
          {{"id", "call_" + call.id},
           {"type", "function"},
           {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    return message;
  }

  void reply(const Finished& end) override {
    ordered_json page = {{"id", id_},
                         {"object", "chat.completion"},
                         {"created", created_},
                         {"model", model_},
                         {"choices", ordered_json::array()}};
    for (size_t i = 0; i < choices_.size(); ++i) {
      const ChatChoice& choice = choices_[i];
      page["choices"].push_back(
          {{"index", i},
           {"message", message_of(choice)},
           {"logprobs",
            choice.logprobs.empty()
                ? ordered_json(nullptr)

                : ordered_json{{"content", scores_json(host_->tokenizer(), choice.logprobs)}}},
           {"finish_reason", reason_of(i)}});
    }
    page["usage"] = usage_json(end.usage);
    page["system_fingerprint"] = host_->scheduler().fingerprint();
    if (timings_) page["timings"] = timings_json(end.timings, end.usage);
    answer_->reply(json_reply(wire_text(page)));
  }

  const std::string model_;
  const bool timings_;
  bool include_usage_ = false, continuous_usage_ = false;
};

}  // namespace

std::shared_ptr<ChatSession> chat_reply(const std::shared_ptr<Answer>& answer,
                                        const std::shared_ptr<ModelHost>& host, const json& body,
                                        ChatAnswer& started,
                                        const std::shared_ptr<ApiContext>& context) {
  return std::make_shared<ChatReply>(answer, host, body, started, context);
}

}  // namespace deepseek::serve
