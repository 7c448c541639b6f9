// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "serve/api/api.h"
#include "serve/api/chat_job.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Kind = ReplyPart::Kind;

/// Text of `content`, which may be a string or a list of text parts.
std::string content_text(const ordered_json& content, const std::string& where) {
  if (content.is_null()) return "";
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const std::string type = content[i].value("type", "");
    if (type != "text")
      refuse_param(422, concat(where, "[", i, "].type"), "expected text, got '",
                   printable(type, 40), "'; this model reads no other kind");
    text += content[i].value("text", "");
  }
  return text;
}

/// The messages in the neutral shape: string contents, known roles.
ordered_json neutral_messages(const ordered_json& messages) {
  ordered_json out = ordered_json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string where = concat("messages[", i, "]");
    ordered_json message = messages[i];
    std::string role = message.value("role", "");
    if (role == "developer") role = "system";
    if (role == "function") role = "tool";
    message["role"] = role;
    message["content"] = content_text(message.value("content", ordered_json()), where + ".content");
    if (message.contains("reasoning") && !message.contains("reasoning_content"))
      message["reasoning_content"] = message["reasoning"];
    message.erase("reasoning");
    if (message.contains("reasoning_content") && message["reasoning_content"].is_null())
      message.erase("reasoning_content");
    if (message.contains("tool_calls") &&
        (message["tool_calls"].is_null() || message["tool_calls"].empty()))
      message.erase("tool_calls");
    if (role == "tool" && out.empty())
      refuse_param(400, where, "a tool message must follow the assistant's tool_calls");
    out.push_back(std::move(message));
  }
  return out;
}

std::optional<bool> wants_thinking(const json& body) {
  if (const auto thinking = body.find("thinking"); thinking != body.end() && thinking->is_object())
    return thinking->value("type", "enabled") != "disabled";
  if (const auto kwargs = body.find("chat_template_kwargs");
      kwargs != body.end() && kwargs->is_object())
    for (const char* name : {"thinking", "enable_thinking"})
      if (const auto value = kwargs->find(name); value != kwargs->end() && value->is_boolean())
        return value->get<bool>();
  if (const auto effort = field<std::string>(body, "reasoning_effort"))
    if (*effort == "none") return false;
  return std::nullopt;
}

/// DeepSeek's efforts: minimal is low, medium and xhigh are high, ultra is max.
std::string effort(const json& body) {
  const std::string asked = field<std::string>(body, "reasoning_effort").value_or("");
  if (asked == "minimal") return "low";
  if (asked == "medium" || asked == "xhigh") return "high";
  if (asked == "ultra") return "max";
  return asked == "none" ? "" : asked;
}

ToolChoice tool_choice(const json& body) {
  ToolChoice choice;
  choice.parallel = field<bool>(body, "parallel_tool_calls").value_or(true);
  const auto at = body.find("tool_choice");
  if (at == body.end() || at->is_null()) return choice;
  if (at->is_object()) {
    choice.kind = ToolChoice::Kind::required;
    choice.name = at->contains("function") ? (*at)["function"].value("name", "") : "";
    return choice;
  }
  const std::string word = at->get<std::string>();
  choice.kind = word == "none"       ? ToolChoice::Kind::none
                : word == "required" ? ToolChoice::Kind::required
                                     : ToolChoice::Kind::allowed;
  return choice;
}

ChatJob chat_job(const ApiContext& context, const ModelHost& host, const HttpRequest& http,
                 const json& body) {
  // Order of members matters to templates and to schemas: they are read again from the text.
  const ordered_json ordered = ordered_json::parse(http.body);
  ChatJob job;
  job.model = body.value("model", "");
  job.input.messages = neutral_messages(ordered["messages"]);
  if (ordered.contains("tools") && ordered["tools"].is_array()) job.input.tools = ordered["tools"];
  job.input.thinking = wants_thinking(body);
  job.input.effort = effort(body);
  const ordered_json& last = job.input.messages.back();
  job.input.continue_last =
      last["role"] == "assistant" &&
      (last.value("prefix", false) || field<bool>(body, "continue_final_message").value_or(false));
  if (ordered.contains("chat_template_kwargs") && ordered["chat_template_kwargs"].is_object())
    job.input.template_values = ordered["chat_template_kwargs"];
  job.tool_choice = tool_choice(body);
  job.bound = output_grammar(http.body);
  job.thinking_budget = field<int64_t>(body, "thinking_token_budget");
  if (const auto thinking = body.find("thinking"); thinking != body.end() && thinking->is_object())
    if (const auto budget = field<int64_t>(*thinking, "budget_tokens"))
      job.thinking_budget = budget;
  apply_common_fields(body, host, job.request);
  job.request.logprobs = field<bool>(body, "logprobs").value_or(false);
  job.request.top_logprobs = field<int64_t>(body, "top_logprobs").value_or(0);
  if (job.request.top_logprobs > 0 && !job.request.logprobs)
    refuse_param(422, "top_logprobs", "needs logprobs to be true");
  job.request.salt = cache_salt(context.accounts->secret(), http, body);
  job.request.tenant = tenant(http);
  return job;
}

/// One request being answered, streamed or whole.
class ChatSession : public ReplySession, public std::enable_shared_from_this<ChatSession> {
 public:
  /// Takes from `started` all but the ticket.
  ChatSession(std::shared_ptr<Answer> answer, std::shared_ptr<ModelHost> host, const json& body,
              ChatAnswer& started, std::shared_ptr<ApiContext> context)
      : answer_(std::move(answer)),
        bill_(std::move(started.bill)),
        host_(std::move(host)),
        context_(std::move(context)),
        parsers_(std::move(started.parsers)),
        id_(new_id("chatcmpl-")),
        model_(body.value("model", host_->name())),
        created_(unix_time()),
        timings_(field<bool>(body, "timings_per_token").value_or(false) ||
                 field<bool>(body, "timings").value_or(false)),
        choices_(parsers_.size()) {
    answer_->add_headers(bill_->headers());
    for (const std::string& warning : started.warnings)
      answer_->add_headers({{"warning", concat("199 deepseek \"", warning, "\"")}});
    if (!field<bool>(body, "stream").value_or(false)) return;
    if (const auto options = body.find("stream_options");
        options != body.end() && options->is_object()) {
      include_usage_ = field<bool>(*options, "include_usage").value_or(false);
      continuous_usage_ = field<bool>(*options, "continuous_usage_stats").value_or(false);
    }
    answer_->begin_stream();
  }

  /// Ends the request when nobody waits for it. After make_shared.
  void watch() {
    answer_->on_abandoned([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      ReplyPump::cancel(*self);
      self->context_->pump.wake(self);  // it may have waited for the client to read
    });
  }

  bool ready() override {
    if (answer_->writable()) return true;
    answer_->on_writable([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->context_->pump.wake(self);
    });
    return false;
  }

  void event(const TicketEvent& event) override {
    if (const auto* progress = std::get_if<PrefillProgress>(&event))
      return send_progress(*progress);
    if (const auto* delta = std::get_if<Delta>(&event)) return take(*delta);
    if (const auto* ended = std::get_if<ChoiceFinished>(&event)) return take(*ended);
    if (const auto* end = std::get_if<Finished>(&event)) finish(*end);
  }

 private:
  struct Choice {
    bool begun = false;
    std::string content, reasoning, reason;
    ordered_json calls = ordered_json::array();
    ordered_json logprobs = ordered_json::array();
    int64_t tokens = 0;
  };

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
      for (const Choice& one : choices_) tokens += one.tokens;
      page["usage"] = {{"completion_tokens", tokens}};
    } else if (include_usage_) {
      page["usage"] = nullptr;
    }
    answer_->send(page.dump(-1, ' ', false, json::error_handler_t::replace));
  }

  void send_progress(const PrefillProgress& progress) {
    if (!answer_->streams()) return;
    ordered_json page = chunk(ordered_json::array());
    page["prompt_progress"] = {{"total", progress.total},
                               {"cache", progress.cached},
                               {"processed", progress.processed},
                               {"time_ms", progress.time_ms}};
    answer_->send(page.dump());
  }

  void begin(size_t index) {
    Choice& choice = choices_[index];
    if (choice.begun || !answer_->streams()) return;
    choice.begun = true;
    ordered_json delta = {{"role", "assistant"}, {"content", ""}};
    if (host_->reply_form().thinks) {
      delta["content"] = nullptr;
      delta["reasoning_content"] = "";
    }
    send_delta(index, std::move(delta));
  }

  void take(const Delta& delta) {
    Choice& choice = choices_[delta.choice];
    choice.tokens += static_cast<int64_t>(delta.tokens.size());
    bill_->produced(static_cast<int64_t>(delta.tokens.size()));
    begin(delta.choice);
    ordered_json scores = ordered_json::array();
    for (const Logprobs& one : delta.logprobs) {
      ordered_json score = token_json(host_->tokenizer(), one.chosen);
      score["top_logprobs"] = ordered_json::array();
      for (const TokenLogprob& other : one.best)
        score["top_logprobs"].push_back(token_json(host_->tokenizer(), other));
      scores.push_back(std::move(score));
    }
    for (const ordered_json& score : scores) choice.logprobs.push_back(score);
    show(delta.choice, parsers_[delta.choice].feed(delta.text), std::move(scores));
  }

  /// Sends or keeps what a piece of text turned out to be. Scores go with the first part.
  void show(size_t index, std::vector<ReplyPart> parts, ordered_json scores) {
    Choice& choice = choices_[index];
    const bool scored = !scores.empty();
    if (parts.empty() && scored && answer_->streams())
      return send_delta(index, ordered_json::object(), {{"content", std::move(scores)}});
    bool first = true;
    for (ReplyPart& part : parts) {
      ordered_json logprobs = nullptr;
      if (first && scored) logprobs = {{"content", std::exchange(scores, nullptr)}};
      first = false;
      ordered_json delta;
      switch (part.kind) {
        case Kind::reasoning:
          choice.reasoning += part.text;
          delta = {{"reasoning_content", part.text}};
          break;
        case Kind::content:
          choice.content += part.text;
          delta = {{"content", part.text}};
          break;
        case Kind::call_begin: {
          ordered_json call = {{"id", new_id("call_")},
                               {"type", "function"},
                               {"function", {{"name", part.text}, {"arguments", ""}}}};
          choice.calls.push_back(call);
          ordered_json indexed = {{"index", part.call}};
          indexed.update(call);
          delta = {{"tool_calls", ordered_json::array({std::move(indexed)})}};
          break;
        }
        case Kind::call_arguments: {
          ordered_json& function = choice.calls[static_cast<size_t>(part.call)]["function"];
          function["arguments"] = function["arguments"].get<std::string>() + part.text;
          delta = {{"tool_calls",
                    ordered_json::array(
                        {{{"index", part.call}, {"function", {{"arguments", part.text}}}}})}};
          break;
        }
        case Kind::call_end:
          continue;
      }
      if (answer_->streams()) send_delta(index, std::move(delta), std::move(logprobs));
    }
  }

  void take(const ChoiceFinished& ended) {
    begin(ended.choice);
    show(ended.choice, parsers_[ended.choice].finish(), ordered_json::array());
    Choice& choice = choices_[ended.choice];
    choice.reason = finish_reason(ended.reason, parsers_[ended.choice].calls() > 0);
    const bool failed = ended.reason != FinishReason::stop && ended.reason != FinishReason::length;
    cancelled_ |= ended.reason == FinishReason::cancelled;
    if (answer_->streams() && !failed)
      send_delta(ended.choice, ordered_json::object(), nullptr, choice.reason);
  }

  void finish(const Finished& end) {
    answer_->summarise({.model = host_->name(),
                        .finish_reason = choices_.front().reason,
                        .prompt_tokens = end.usage.prompt_tokens,
                        .cached_tokens = end.usage.cached_tokens,
                        .completion_tokens = end.usage.completion_tokens,
                        .reasoning_tokens = end.usage.reasoning_tokens,
                        .queue_ms = end.timings.queue_ms,
                        .first_token_ms = end.timings.first_token_ms});
    bill_->settle(charged_tokens(end, answer_->streams()), outcome_of(end, cancelled_));
    if (end.error) return answer_->fail(std::make_exception_ptr(*end.error));
    // Nobody waits for it, and it is not the whole answer.
    if (cancelled_) return answer_->fail(std::make_exception_ptr(cut_off()));
    if (!answer_->streams()) return reply(end);
    if (include_usage_) {
      ordered_json page = chunk(ordered_json::array());
      page["usage"] = usage_json(end.usage);
      if (timings_) page["timings"] = timings_json(end.timings, end.usage);
      answer_->send(page.dump());
    }
    answer_->done();
  }

  void reply(const Finished& end) {
    ordered_json page = {{"id", id_},
                         {"object", "chat.completion"},
                         {"created", created_},
                         {"model", model_},
                         {"choices", ordered_json::array()}};
    for (size_t i = 0; i < choices_.size(); ++i) {
      Choice& choice = choices_[i];
      ordered_json message = {{"role", "assistant"}};
      message["content"] = choice.content.empty() && !choice.calls.empty()
                               ? ordered_json(nullptr)
                               : ordered_json(choice.content);
      if (host_->reply_form().thinks) message["reasoning_content"] = choice.reasoning;
      if (!choice.calls.empty()) message["tool_calls"] = choice.calls;
      page["choices"].push_back(
          {{"index", i},
           {"message", std::move(message)},
           {"logprobs", choice.logprobs.empty() ? ordered_json(nullptr)
                                                : ordered_json{{"content", choice.logprobs}}},
           {"finish_reason", choice.reason}});
    }
    page["usage"] = usage_json(end.usage);
    page["system_fingerprint"] = host_->scheduler().fingerprint();
    if (timings_) page["timings"] = timings_json(end.timings, end.usage);
    answer_->reply(json_reply(page.dump(-1, ' ', false, json::error_handler_t::replace)));
  }

  std::shared_ptr<Answer> answer_;
  std::shared_ptr<Bill> bill_;
  std::shared_ptr<ModelHost> host_;
  std::shared_ptr<ApiContext> context_;
  std::vector<ReplyParser> parsers_;
  std::string id_, model_;
  int64_t created_;
  bool timings_, include_usage_ = false, continuous_usage_ = false, cancelled_ = false;
  std::vector<Choice> choices_;
};

void chat(const std::shared_ptr<ApiContext>& context, Exchange exchange) {
  const std::shared_ptr<Answer> answer = Answer::begin(std::move(exchange), context->accounts);
  if (!answer) return;
  const HttpRequest& http = answer->request();
  const json body = checked_body(http, "ChatRequest", context->schemas);
  const std::shared_ptr<ModelHost> host = context->host(body.value("model", ""));
  ChatJob job = chat_job(*context, *host, http, body);
  if (!job.input.thinking) job.input.thinking = context->thinking_of(body.value("model", ""));
  ChatAnswer started = start_chat(*context->accounts, http, *host, std::move(job));
  auto session = std::make_shared<ChatSession>(answer, host, body, started, context);
  context->pump.run(session, std::move(started.ticket));
  session->watch();
}

}  // namespace

void add_chat_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  router.add({"/v1/chat/completions", "/chat/completions", "/beta/chat/completions"},
             Route("POST", "", Access::scope(inference_scope),
                   [context](const Exchange& exchange) { chat(context, exchange); },
                   {.blank_keep_alive = true,
                    .summary = "Answers a conversation",
                    .request_schema = "ChatRequest"}));
}

}  // namespace deepseek::serve
