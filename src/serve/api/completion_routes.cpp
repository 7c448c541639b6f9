// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <span>

#include "serve/api/answer.h"
#include "serve/api/api.h"
#include "serve/api/completion_scores.h"
#include "serve/api/fill_middle.h"
#include "serve/api/grammar_constraint.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t most_echoed_scores = 1 << 21;

/// The prompts of a request: a string, several, token ids, or several lists of them.
std::vector<std::vector<int32_t>> prompts(const ModelHost& host, const json& body) {
  const Tokenizer& tokenizer = host.tokenizer();
  const int64_t vocab = host.model().config().vocab_size;
  const json& prompt = body["prompt"];
  const auto encoded = [&](const json& text) {
    check_text(host, text.get_ref<const std::string&>(), "prompt");
    if (const auto suffix = field<std::string>(body, "suffix"))
      return fill_in_the_middle(tokenizer, text.get<std::string>(), *suffix);
    return tokenizer.encode(text.get<std::string>(), {.add_special = true});
  };
  std::vector<std::vector<int32_t>> out;
  if (prompt.is_string()) {
    out.push_back(encoded(prompt));
  } else if (!prompt.empty() && prompt[0].is_number()) {
    out.push_back(checked_token_ids("prompt", prompt, vocab));
  } else {
    for (const json& one : prompt)
      out.push_back(one.is_string() ? encoded(one) : checked_token_ids("prompt", one, vocab));
  }
  if (out.empty()) refuse_param(422, "prompt", "expected at least one prompt");
  for (const auto& one : out)
    if (one.empty()) refuse_param(422, "prompt", "expected at least one token in each prompt");
  return out;
}

/// Refuses more scores of prompts than a reply can hold.
void check_echoed_scores(const std::vector<std::vector<int32_t>>& prompts, size_t n,
                         int64_t top_logprobs) {
  int64_t tokens = 0;
  for (const auto& prompt : prompts) tokens += static_cast<int64_t>(prompt.size());
  const int64_t scores = tokens * static_cast<int64_t>(n) * (top_logprobs + 1);
  if (scores > most_echoed_scores)
    refuse_param(422, "n", "expected at most ", most_echoed_scores,
                 " scores of the prompt, its tokens times n times logprobs + 1, got ", scores,
                 "; ask for fewer choices or logprobs, or leave echo out");
}

/// One of `choices`, as JSON. `scores`: JSON, too.
std::string choice_text(size_t index, const std::string& text, const std::string& scores,
                        const ordered_json& reason) {
  return concat("{\"index\":", index, ",\"text\":", wire_text(text), ",\"logprobs\":", scores,
                ",\"finish_reason\":", wire_text(reason), "}");
}

/// What the prompts of one HTTP request share.
struct CompletionJob {
  CompletionJob(std::shared_ptr<Answer> answer, std::shared_ptr<Bill> bill,
                std::shared_ptr<ModelHost> host, const json& body,
                std::shared_ptr<ApiContext> context)
      : answer(std::move(answer)),
        bill(std::move(bill)),
        host(std::move(host)),
        context(std::move(context)),
        id(new_id("cmpl-")),
        model(field<std::string>(body, "model").value_or(this->host->name())),
        created(unix_time()),
        echo(field<bool>(body, "echo").value_or(false)),
        scored(field<int64_t>(body, "logprobs").has_value()),
        timings(wants_timings(body)),
        work(request_class(body)) {
    this->answer->add_headers(this->bill->headers());
    if (!field<bool>(body, "stream").value_or(false)) return;
    if (const auto options = body.find("stream_options");
        options != body.end() && options->is_object()) {
      include_usage = field<bool>(*options, "include_usage").value_or(false);
      continuous_usage = field<bool>(*options, "continuous_usage_stats").value_or(false);
    }
    this->answer->begin_stream();
  }

  /// A chunk or the whole reply: these choices, each as JSON, and further fields.
  std::string page(std::span<const std::string> choices,
                   const ordered_json& more = ordered_json::object()) const {
    std::string text = wire_text({{"id", id},
                                  {"object", "text_completion"},
                                  {"created", created},
                                  {"model", model},
                                  {"system_fingerprint", host->scheduler().fingerprint()}});
    text.pop_back();
    text += ",\"choices\":[";
    for (size_t i = 0; i < choices.size(); ++i) {
      if (i > 0) text += ',';
      text += choices[i];
    }
    text += more.empty() ? "]}" : "]," + wire_text(more).substr(1);
    return text;
  }

  /// Sessions that run; more may come.
  std::vector<std::shared_ptr<ReplySession>> running() {
    const std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<ReplySession>> list;
    for (const auto& session : sessions)
      if (auto strong = session.lock()) list.push_back(std::move(strong));
    return list;
  }
  void cancel() {
    for (const auto& session : running()) {
      ReplyPump::cancel(*session);
      context->pump.wake(session);  // it may have waited for the client to read
    }
  }

  const std::shared_ptr<Answer> answer;
  const std::shared_ptr<Bill> bill;
  std::shared_ptr<ModelHost> host;
  std::shared_ptr<ApiContext> context;
  std::string id, model;
  int64_t created;
  bool echo, scored, timings, include_usage = false, continuous_usage = false;
  RequestClass work;

  std::mutex mutex;  // of what follows: prompts end on different threads
  std::vector<std::weak_ptr<ReplySession>> sessions;
  std::vector<std::string> choices;  // JSON texts: much smaller than what they are made of
  deepseek::Usage usage;
  store::TokenCounts charged;
  size_t open = 0;
  PartsEnd end;
  bool cancelled = false;
};

/// One prompt of a request.
class CompletionSession : public ReplySession {
 public:
  /// Of its `drawn` choices the `kept` that are likeliest, a token, are answered.
  CompletionSession(std::shared_ptr<CompletionJob> job, std::vector<int32_t> prompt, size_t drawn,
                    size_t kept, size_t first_index)
      : job_(std::move(job)),
        prompt_(std::move(prompt)),
        first_(first_index),
        kept_(kept),
        choices_(drawn) {
    if (job_->echo) echo_ = job_->host->tokenizer().decode(prompt_);
  }

  bool ready() override {
    if (job_->answer->writable()) return true;
    // The stream remembers one call, so it serves every session that waits, also where the one that
    // left it is over by then.
    job_->answer->on_writable([weak = std::weak_ptr(job_)] {
      const auto job = weak.lock();
      if (!job) return;
      for (const auto& session : job->running()) job->context->pump.wake(session);
    });
    return false;
  }

  void failed(const std::exception_ptr& failure) override {
    job_->cancel();
    if (!job_->answer->streams()) job_->bill->settle({}, store::Outcome::failed);
    job_->answer->fail(failure);
  }

  void event(const TicketEvent& event) override {
    if (const auto* queue = std::get_if<QueuePosition>(&event))
      return tell(progress_fields(*queue));
    if (const auto* progress = std::get_if<PrefillProgress>(&event))
      return tell(progress_fields(*progress));
    if (const auto* scores = std::get_if<PromptLogprobs>(&event)) return take(*scores);
    if (const auto* delta = std::get_if<Delta>(&event)) return take(*delta);
    if (const auto* ended = std::get_if<ChoiceFinished>(&event)) return take(*ended);
    if (const auto* end = std::get_if<Finished>(&event)) finish(*end);
  }

 private:
  struct Choice {
    std::string text, reason;  // of a reply that is no stream, as `scores`
    ScoredTokens scores;
    bool echoed = false;
    int64_t tokens = 0, offset = 0;  // offset: characters that a stream has scored
    double mean_logprob = 0;         // of a token, when more are drawn than kept
  };

  /// Of which prompt it is, only where there are several.
  void tell(const ordered_json& fields) {
    if (!job_->answer->streams()) return;
    ordered_json more = fields;
    if (job_->choices.size() > kept_) more["prompt_index"] = first_ / kept_;
    job_->answer->send(job_->page({}, more));
  }

  void take(const PromptLogprobs& scores) {
    for (size_t i = 0; i < scores.logprobs.size(); ++i)
      prompt_scores_.push_back(
          {prompt_[static_cast<size_t>(scores.first) + i], scores.logprobs[i]});
  }

  void begin(Choice& choice, size_t index) {
    if (choice.echoed || !job_->echo) return;
    choice.echoed = true;
    if (job_->answer->streams()) send(index, echo_, prompt_scores_, nullptr);
  }

  std::string scores_of(std::initializer_list<std::span<const ScoredToken>> parts,
                        int64_t& offset) const {
    return job_->scored ? scores_text(job_->host->tokenizer(), parts, offset) : "null";
  }

  void send(size_t index, const std::string& text, const ScoredTokens& scores,
            const ordered_json& reason) {
    Choice& choice = choices_[index];
    ordered_json more = ordered_json::object();
    if (job_->continuous_usage)
      more["usage"] = counts_json(static_cast<int64_t>(prompt_.size()), choice.tokens);
    const std::string one = choice_text(
        first_ + index, text, scores.empty() ? "null" : scores_of({scores}, choice.offset), reason);
    job_->answer->send(job_->page({&one, 1}, more));
  }

  void take(const Delta& delta) {
    Choice& choice = choices_[delta.choice];
    begin(choice, delta.choice);
    choice.tokens += static_cast<int64_t>(delta.tokens.size());
    job_->bill->produced(static_cast<int64_t>(delta.tokens.size()));
    ScoredTokens piece;
    if (job_->scored)
      for (size_t i = 0; i < delta.logprobs.size(); ++i)
        piece.push_back({delta.tokens[i], delta.logprobs[i]});
    if (!job_->answer->streams()) {
      choice.text += delta.text;
      std::ranges::move(piece, std::back_inserter(choice.scores));
    } else if (!delta.text.empty() || job_->scored) {
      send(delta.choice, delta.text, piece, nullptr);
    }
  }

  void take(const ChoiceFinished& ended) {
    Choice& choice = choices_[ended.choice];
    const bool failed = ended.reason != FinishReason::stop && ended.reason != FinishReason::length;
    if (!failed) begin(choice, ended.choice);
    choice.reason = finish_reason(ended.reason, false);
    choice.mean_logprob = ended.cumulative_logprob / double(std::max<int64_t>(ended.tokens, 1));
    cancelled_ |= ended.reason == FinishReason::cancelled;
    // OpenAI's completions score the end of the text as well.
    if (job_->scored && ended.end_token && ended.end_logprobs)
      choice.scores.push_back({*ended.end_token, ended.end_logprobs});
    if (job_->answer->streams() && !failed) send(ended.choice, "", choice.scores, choice.reason);
  }

  void finish(const Finished& end) {
    if (end.error) job_->cancel();  // the other prompts are of no use any more
    const std::lock_guard lock(job_->mutex);
    --job_->open;
    job_->usage.prompt_tokens += end.usage.prompt_tokens;
    job_->usage.cached_tokens += end.usage.cached_tokens;
    job_->usage.completion_tokens += end.usage.completion_tokens;
    if (kept_ < choices_.size())
      std::ranges::stable_sort(choices_, std::ranges::greater(), &Choice::mean_logprob);
    const bool streams = job_->answer->streams();
    for (size_t i = 0; i < kept_ && !streams; ++i) keep(i);
    const bool own_limit =
        end.late &&
        is_own_limit(job_->answer->request(), job_->context->time_limits, *end.late, job_->work);
    const store::TokenCounts charged = charged_tokens(end, streams, own_limit);
    job_->charged.hit += charged.hit;
    job_->charged.miss += charged.miss;
    job_->charged.output += charged.output;
    job_->cancelled |= cancelled_;
    job_->end.add(end, own_limit);
    if (job_->open > 0) return;
    if (job_->end.failed()) {
      if (!job_->end.late() && !streams) job_->charged = {};
      if (job_->end.late() && !job_->end.late_by_own_limit())
        job_->charged.hit = job_->charged.miss = 0;
      job_->bill->settle(job_->charged, store::Outcome::failed);
      return job_->answer->fail(job_->end.failure());
    }
    job_->answer->summarise({.model = job_->host->name(),
                             .finish_reason = choices_.front().reason,
                             .prompt_tokens = job_->usage.prompt_tokens,
                             .cached_tokens = job_->usage.cached_tokens,
                             .completion_tokens = job_->usage.completion_tokens,
                             .queue_ms = end.timings.queue_ms,
                             .first_token_ms = end.timings.first_token_ms});
    if (job_->cancelled) {
      job_->bill->settle(job_->charged, store::Outcome::aborted);
      return job_->answer->fail(std::make_exception_ptr(cut_off()));
    }
    job_->answer->charge_at_end(job_->bill, job_->charged, store::Outcome::complete);
    if (streams) {
      if (job_->include_usage || job_->timings) {
        ordered_json rest = ordered_json::object();
        if (job_->include_usage) rest["usage"] = usage_json(job_->usage);
        if (job_->timings) rest["timings"] = timings_json(end.timings, end.usage);
        job_->answer->send(job_->page({}, rest));
      }
      job_->answer->done();
      return;
    }
    ordered_json rest = {{"usage", usage_json(job_->usage)}};
    if (job_->timings) rest["timings"] = timings_json(end.timings, end.usage);
    job_->answer->reply(json_reply(job_->page(job_->choices, rest)));
  }

  /// Of a reply that is no stream.
  void keep(size_t index) {
    Choice& choice = choices_[index];
    int64_t offset = 0;
    const std::string scores = choice.echoed ? scores_of({prompt_scores_, choice.scores}, offset)
                                             : scores_of({choice.scores}, offset);
    job_->choices[first_ + index] =
        choice_text(first_ + index, echo_ + choice.text, scores, choice.reason);
    choice.text = {};
    choice.scores = {};
  }

  std::shared_ptr<CompletionJob> job_;
  std::vector<int32_t> prompt_;
  size_t first_, kept_;
  std::vector<Choice> choices_;
  bool cancelled_ = false;
  std::string echo_;            // the prompt where it is answered, too
  ScoredTokens prompt_scores_;  // of all choices
};

void complete(const std::shared_ptr<ApiContext>& context, Exchange exchange) {
  const std::shared_ptr<Answer> answer = Answer::begin(std::move(exchange), context);
  if (!answer) return;
  const HttpRequest& http = answer->request();
  const json body = checked_body(http, "CompletionRequest", context->schemas);
  const std::string model = field<std::string>(body, "model").value_or("");
  const std::shared_ptr<ModelHost> host = context->host(http, model);
  GenerateRequest request;
  apply_common_fields(body, *host, request);
  if (request.max_tokens < 0) request.max_tokens = 16;  // as OpenAI's API
  const size_t n = request.choices.size();
  const auto best_of =
      static_cast<size_t>(field<int64_t>(body, "best_of").value_or(static_cast<int64_t>(n)));
  if (best_of < n) refuse_param(422, "best_of", "expected at least n, ", n, ", got ", best_of);
  if (best_of > n && field<bool>(body, "stream").value_or(false))
    refuse_param(422, "best_of", "expected n, ", n, ", in a stream, got ", best_of,
                 "; which choices are best is known at the end");
  while (request.choices.size() < best_of) {
    request.choices.push_back(request.choices.front());
    request.choices.back().sample.choice = request.choices.size() - 1;
  }
  const std::optional<int64_t> scores = field<int64_t>(body, "logprobs");
  request.logprobs = scores.has_value() || best_of > n;
  request.top_logprobs = scores.value_or(0);
  request.prompt_logprobs = scores.has_value() && field<bool>(body, "echo").value_or(false);
  request.top_prompt_logprobs = request.prompt_logprobs ? *scores : 0;
  request.salt = cache_salt(context->accounts->secret(), http,
                            field<std::string>(body, "user_id").value_or(""));
  request.tenant = tenant(http);
  const std::optional<OutputBound> bound = output_bound(http.body);
  std::optional<grammar::Constraint> constraint;
  if (bound) constraint = constraint_of(*host, bound->compile(), bound->param);

  std::vector<std::vector<int32_t>> all = prompts(*host, body);
  if (request.prompt_logprobs) check_echoed_scores(all, n, request.top_prompt_logprobs);
  Demand demand;
  for (const auto& one : all) {
    const auto size = static_cast<int64_t>(one.size());
    check_context(*host, size, request.max_tokens, "prompt");
    demand.prompt_tokens += size;
    demand.output_tokens += request.max_tokens * static_cast<int64_t>(request.choices.size());
  }
  set_deadlines(request, http, context->time_limits);
  check_room(*host, request.tenant, demand.prompt_tokens);
  std::shared_ptr<Bill> bill = context->accounts->admit(http, host->name(), demand);
  std::vector<Ticket> tickets;
  for (const auto& prompt : all) {
    GenerateRequest mine = request;
    mine.prompt = prompt;
    if (constraint)
      for (ChoiceRequest& choice : mine.choices)
        choice.constraint = std::make_shared<GrammarConstraint>(*constraint);
    // The request has begun with the first of its prompts.
    if (!tickets.empty()) mine.queue_deadline = mine.first_token_deadline = {};
    tickets.push_back(submit(*host, std::move(mine)));  // a refusal drops those before it
  }
  auto job = std::make_shared<CompletionJob>(answer, std::move(bill), host, body, context);
  job->open = all.size();
  job->choices.resize(all.size() * n);
  for (size_t i = 0; i < all.size(); ++i) {
    auto session = std::make_shared<CompletionSession>(job, std::move(all[i]), best_of, n, i * n);
    context->pump.run(session, std::move(tickets[i]));
    bool over = false;
    {
      const std::lock_guard lock(job->mutex);
      job->sessions.push_back(session);
      over = job->end.failed();
    }
    if (over) ReplyPump::cancel(*session);  // an earlier prompt's end did not see it
  }
  answer->on_abandoned([weak = std::weak_ptr(job)] {
    if (const auto strong = weak.lock()) strong->cancel();
  });
}

}  // namespace

void add_completion_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  router.add({"/v1/completions", "/completions", "/beta/completions"},
             Route("POST", "", Access::scope(chat_scope),
                   [context](const Exchange& exchange) { complete(context, exchange); },
                   {.blank_keep_alive = true,
                    .summary = "Continues a text, or fills in its middle",
                    .request_schema = "CompletionRequest"}));
}

}  // namespace deepseek::serve
