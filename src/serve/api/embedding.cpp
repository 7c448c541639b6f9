// SPDX-License-Identifier: Apache-2.0
#include "serve/api/embedding.h"

#include <cmath>
#include <utility>

#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;

/// Inputs that wait for the model at once: a long list leaves room in the queue for others.
constexpr size_t inputs_at_once = 16;

void to_unit_length(std::vector<float>& values) {
  double square = 0;
  for (const float value : values) square += double(value) * value;
  if (square <= 0) return;
  const double scale = 1 / std::sqrt(square);
  for (float& value : values) value = float(value * scale);
}

class EmbeddingRun;

/// One input.
class EmbeddingSession : public ReplySession {
 public:
  EmbeddingSession(std::shared_ptr<EmbeddingRun> run, size_t index)
      : run_(std::move(run)), index_(index) {}
  void event(const TicketEvent& event) override;
  void failed(const std::exception_ptr& failure) override;

 private:
  std::shared_ptr<EmbeddingRun> run_;
  size_t index_;
  bool cancelled_ = false;
};

/// The inputs of one HTTP request.
class EmbeddingRun : public std::enable_shared_from_this<EmbeddingRun> {
 public:
  EmbeddingRun(std::shared_ptr<ApiContext> context, std::shared_ptr<Answer> answer,
               std::shared_ptr<ModelHost> host, EmbeddingJob job,
               std::function<HttpReply(const EmbeddingAnswer&)> write, std::shared_ptr<Bill> bill)
      : context_(std::move(context)),
        answer_(std::move(answer)),
        host_(std::move(host)),
        job_(std::move(job)),
        write_(std::move(write)),
        bill_(std::move(bill)) {
    answer_->add_headers(bill_->headers());
    result_.vectors.resize(job_.inputs.size());
  }

  void start() {
    try {
      for (size_t i = 0; i < inputs_at_once; ++i) begin_next();
    } catch (...) {
      bool answered = false;
      {
        const std::lock_guard lock(mutex_);
        answered = std::exchange(over_, true);
      }
      cancel();
      if (answered) return;
      throw;  // the caller answers
    }
    answer_->on_abandoned([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->cancel();
    });
  }

  void took(size_t index, std::vector<float> values) {
    if (job_.normalize) to_unit_length(values);
    const std::lock_guard lock(mutex_);
    result_.vectors[index] = std::move(values);
  }

  void finished(const Finished& end, bool cancelled) {
    bool goes_on = false;
    {
      const std::lock_guard lock(mutex_);
      --open_;
      cancelled_ |= cancelled;
      result_.prompt_tokens += end.usage.prompt_tokens;
      if (end.timings.total_ms > result_.timings.total_ms) result_.timings = end.timings;
      const LateIn where = end.late == LateIn::queue ? LateIn::queue : LateIn::answer;
      const bool own_limit = end.late && is_own_limit(answer_->request(), context_->time_limits,
                                                      where, job_.request_class);
      charged_.miss += charged_tokens(end, false, own_limit).miss;
      end_.add(end, own_limit);
      goes_on = !end_.failed() && !failure_ && !cancelled_;
    }
    if (goes_on) {
      try {
        begin_next();
      } catch (...) {
        const std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
      }
    } else {
      cancel();
    }
    end_if_over();
  }

  void failed(const std::exception_ptr& failure) {
    {
      const std::lock_guard lock(mutex_);
      --open_;
      failure_ = failure;
    }
    cancel();
    end_if_over();
  }

  void cancel() {
    std::vector<std::shared_ptr<ReplySession>> running;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      for (const auto& session : sessions_)
        if (auto strong = session.lock()) running.push_back(std::move(strong));
    }
    for (const auto& session : running) ReplyPump::cancel(*session);
  }

 private:
  void begin_next() {
    size_t index = 0;
    {
      const std::lock_guard lock(mutex_);
      if (next_ == job_.inputs.size() || cancelled_) return;
      index = next_++;
      ++open_;
    }
    EmbedRequest request;
    request.tokens = job_.inputs[index];
    request.pooling = job_.pooling;
    request.tenant = tenant(answer_->request());
    request.request_class = job_.request_class;
    set_deadlines(request, answer_->request(), context_->time_limits);
    if (index > 0) request.queue_deadline = {};  // the request has begun with its first input
    try {
      Ticket ticket = submit(*host_, std::move(request));
      auto session = std::make_shared<EmbeddingSession>(shared_from_this(), index);
      context_->pump.run(session, std::move(ticket));
      bool over = false;
      {
        const std::lock_guard lock(mutex_);
        sessions_.push_back(session);
        over = cancelled_;
      }
      if (over) ReplyPump::cancel(*session);  // it came too late for cancel() to see it
    } catch (...) {
      const std::lock_guard lock(mutex_);
      --open_;
      throw;
    }
  }

  void end_if_over() {
    {
      const std::lock_guard lock(mutex_);
      const bool stopped = end_.failed() || failure_ || cancelled_;
      if (over_ || open_ > 0 || (!stopped && next_ < job_.inputs.size())) return;
      over_ = true;  // from here on nothing changes any more
      if (end_.failed() && !failure_) failure_ = end_.failure();
    }
    answer_->summarise({.model = host_->name(),
                        .prompt_tokens = result_.prompt_tokens,
                        .queue_ms = result_.timings.queue_ms});
    if (failure_) {
      bill_->settle(end_.late_by_own_limit() ? charged_ : store::TokenCounts{},
                    store::Outcome::failed);
      return answer_->fail(failure_);
    }
    if (cancelled_) {
      bill_->settle(charged_, store::Outcome::aborted);
      return answer_->fail(std::make_exception_ptr(cut_off()));
    }
    answer_->charge_at_end(bill_, charged_, store::Outcome::complete);
    answer_->reply(write_(result_));
  }

  const std::shared_ptr<ApiContext> context_;
  const std::shared_ptr<Answer> answer_;
  const std::shared_ptr<ModelHost> host_;
  const EmbeddingJob job_;
  const std::function<HttpReply(const EmbeddingAnswer&)> write_;
  const std::shared_ptr<Bill> bill_;

  std::mutex mutex_;  // of what follows: inputs end on different threads
  std::vector<std::weak_ptr<ReplySession>> sessions_;
  EmbeddingAnswer result_;
  store::TokenCounts charged_;
  size_t next_ = 0, open_ = 0;
  PartsEnd end_;
  std::exception_ptr failure_;  // of it, or of beginning the next
  bool cancelled_ = false, over_ = false;
};

void EmbeddingSession::failed(const std::exception_ptr& failure) { run_->failed(failure); }

void EmbeddingSession::event(const TicketEvent& event) {
  if (const auto* embedding = std::get_if<Embedding>(&event))
    run_->took(index_, embedding->values);
  else if (const auto* ended = std::get_if<ChoiceFinished>(&event))
    cancelled_ |= ended->reason == FinishReason::cancelled;
  else if (const auto* end = std::get_if<Finished>(&event))
    run_->finished(*end, cancelled_);
}

}  // namespace

std::vector<std::vector<int32_t>> embedding_inputs(const ModelHost& host, const json& input) {
  std::vector<std::vector<int32_t>> out;
  const auto add_text = [&](const json& text) {
    check_text(host, text.get_ref<const std::string&>(), "input");
    out.push_back(host.tokenizer().encode(text.get<std::string>(), {.add_special = true}));
  };
  if (input.is_string()) {
    add_text(input);
  } else if (!input.empty() && input[0].is_number()) {
    out.push_back(checked_token_ids("input", input, host.model().config().vocab_size));
  } else {
    for (const json& one : input) {
      if (one.is_string())
        add_text(one);
      else
        out.push_back(checked_token_ids("input", one, host.model().config().vocab_size));
    }
  }
  if (out.empty()) refuse_param(422, "input", "expected at least one text in input, got none");
  for (const auto& one : out)
    if (one.empty())
      refuse_param(422, "input", "expected at least one token in each text of input, got none");
  return out;
}

void run_embeddings(const std::shared_ptr<ApiContext>& context,
                    const std::shared_ptr<Answer>& answer, const std::shared_ptr<ModelHost>& host,
                    EmbeddingJob job, std::function<HttpReply(const EmbeddingAnswer&)> write) {
  Demand demand;
  for (const auto& input : job.inputs) {
    const auto size = static_cast<int64_t>(input.size());
    check_context(*host, size, 0, "input");
    demand.prompt_tokens += size;
  }
  limits_of(answer->request(), context->time_limits, job.request_class);
  check_room(*host, tenant(answer->request()));
  std::shared_ptr<Bill> bill = context->accounts->admit(answer->request(), host->name(), demand);
  std::make_shared<EmbeddingRun>(context, answer, host, std::move(job), std::move(write),
                                 std::move(bill))
      ->start();
}

}  // namespace deepseek::serve
