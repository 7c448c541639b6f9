// SPDX-License-Identifier: Apache-2.0
#include "serve/api/ollama_reply.h"

#include <cmath>

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;
using Kind = ReplyPart::Kind;

int64_t nanoseconds(double ms) { return std::llround(ms * 1e6); }

/// The beginning of each object.
ordered_json head(const std::string& model) {
  return {{"model", model}, {"created_at", time_text(std::chrono::system_clock::now())}};
}

class OllamaReply : public ChatSession {
 public:
  OllamaReply(const std::shared_ptr<Answer>& answer, const std::shared_ptr<ModelHost>& host,
              const OllamaReplyOptions& options, ChatAnswer& started,
              const std::shared_ptr<ApiContext>& context)
      : ChatSession(answer, host, started, context, ""), options_(options) {
    if (options_.stream) answer_->begin_stream(StreamReply::Format::lines);
  }

 private:
  /// An object with this text in it.
  ordered_json page(const std::string& content, const std::string& thinking) const {
    ordered_json page = head(options_.model);
    ordered_json& holder = options_.chat ? page["message"] : page;
    if (options_.chat) holder = {{"role", "assistant"}};
    holder[options_.chat ? "content" : "response"] = content;
    if (!thinking.empty()) holder["thinking"] = thinking;
    return page;
  }

  ordered_json call_json(size_t index) const {
    const ReplyCall& call = choices_.front().calls[index];
    return {{"id", "call_" + call.id},
            {"function", {{"index", index}, {"name", call.name}, {"arguments", call.object()}}}};
  }

  /// A call goes out when it is complete: its arguments are an object.
  void write_parts(size_t /*choice*/, const std::vector<ReplyPart>& parts,
                   const std::vector<Logprobs>& scores) override {
    std::string content, thinking;
    ordered_json calls = ordered_json::array();
    for (const ReplyPart& part : parts) {
      if (part.kind == Kind::content) content += part.text;
      if (part.kind == Kind::reasoning && options_.shows_thinking) thinking += part.text;
      if (part.kind == Kind::call_end) calls.push_back(call_json(static_cast<size_t>(part.call)));
    }
    if (content.empty() && thinking.empty() && calls.empty() && scores.empty()) return;
    ordered_json line = page(content, thinking);
    if (!calls.empty()) line["message"]["tool_calls"] = std::move(calls);
    if (!scores.empty()) line["logprobs"] = scores_json(host_->tokenizer(), scores);
    line["done"] = false;
    answer_->line(wire_text(line));
  }

  void add_end(ordered_json& page, const Finished& end) const {
    page["done"] = true;
    page["done_reason"] =
        choices_.front().ended->reason == FinishReason::length ? "length" : "stop";
    page["total_duration"] = nanoseconds(end.timings.total_ms);
    page["load_duration"] = nanoseconds(end.timings.queue_ms);
    page["prompt_eval_count"] = end.usage.prompt_tokens;
    page["prompt_eval_duration"] = nanoseconds(end.timings.prefill_ms);
    page["eval_count"] = end.usage.completion_tokens;
    page["eval_duration"] = nanoseconds(end.timings.decode_ms);
  }

  void write_last(const Finished& end) override {
    ordered_json line = page("", "");
    add_end(line, end);
    answer_->line(wire_text(line));
    answer_->finish();
  }

  void reply(const Finished& end) override {
    const ChatChoice& choice = choices_.front();
    ordered_json whole = page(choice.text(Kind::content),
                              options_.shows_thinking ? choice.text(Kind::reasoning) : "");
    for (size_t i = 0; i < choice.calls.size(); ++i)
      whole["message"]["tool_calls"].push_back(call_json(i));
    if (!choice.logprobs.empty())
      whole["logprobs"] = scores_json(host_->tokenizer(), choice.logprobs);
    add_end(whole, end);
    answer_->reply(json_reply(wire_text(whole)));
  }

  const OllamaReplyOptions options_;
};

}  // namespace

std::shared_ptr<ChatSession> ollama_reply(const std::shared_ptr<Answer>& answer,
                                          const std::shared_ptr<ModelHost>& host,
                                          const OllamaReplyOptions& options, ChatAnswer& started,
                                          const std::shared_ptr<ApiContext>& context) {
  return std::make_shared<OllamaReply>(answer, host, options, started, context);
}

ordered_json ollama_loaded(const std::string& model, bool chat) {
  ordered_json page = head(model);
  if (chat)
    page["message"] = {{"role", "assistant"}, {"content", ""}};
  else
    page["response"] = "";
  page["done"] = true;
  page["done_reason"] = "load";
  return page;
}

}  // namespace deepseek::serve
