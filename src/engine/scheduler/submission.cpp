// SPDX-License-Identifier: Apache-2.0
// What of the scheduler runs on the threads of clients.
#include <algorithm>
#include <cmath>

#include "engine/scheduler/worker.h"

namespace deepseek {
namespace {

constexpr std::chrono::duration<double> longest_retry{60};
constexpr int64_t share_of_free = 4;
constexpr int64_t most_choices = 128, most_top_logprobs = 128, most_stops = 64;
constexpr size_t longest_stop_bytes = 4096;

void check_prompt(const char* field, const std::vector<int32_t>& tokens, int64_t vocab,
                  int64_t context) {
  if (tokens.empty()) fail(ErrorKind::invalid_input, field, ": expected at least one token");
  for (const int32_t token : tokens)
    if (token < 0 || token >= vocab)
      fail(ErrorKind::invalid_input, field, ": expected token ids from 0 to ", vocab - 1, ", got ",
           token);
  if (static_cast<int64_t>(tokens.size()) > context)
    fail(ErrorKind::invalid_input, field, ": ", tokens.size(), " tokens, but the context holds ",
         context, "; shorten it");
}

void check_range(const char* field, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    fail(ErrorKind::invalid_input, field, ": expected ", low, " to ", high, ", got ", value);
}

void check_stops(const std::vector<std::string>& stops) {
  check_range("stop", static_cast<int64_t>(stops.size()), 0, most_stops);
  for (const std::string& stop : stops)
    if (stop.size() > longest_stop_bytes)
      fail(ErrorKind::invalid_input, "stop: expected strings of at most ", longest_stop_bytes,
           " bytes, got one of ", stop.size());
}

void check_deadline(const char* field, std::chrono::milliseconds value) {
  if (value.count() < 0)
    fail(ErrorKind::invalid_input, field, ": expected 0 (none) or more milliseconds, got ",
         value.count());
}

void check_weight(double weight) {
  if (!(weight > 0) || !std::isfinite(weight))
    fail(ErrorKind::invalid_input, "weight: expected a positive number, got ", weight);
}

}  // namespace

std::unique_ptr<Job> Scheduler::Worker::new_job(GenerateRequest request) const {
  auto job = std::make_unique<Job>();
  job->urgent = request.request_class == RequestClass::interactive;
  job->submitted = now();
  job->root = root_page_key(model_.fingerprint, request.salt);
  job->usage.prompt_tokens = static_cast<int64_t>(request.prompt.size());
  for (size_t choice = 0; choice < request.choices.size(); ++choice) {
    auto run = std::make_unique<Run>();
    run->choice = choice;
    run->job = job.get();
    if (choice == 0) run->tokens = request.prompt;
    job->runs.push_back(std::move(run));
  }
  job->request = std::move(request);
  return job;
}

std::variant<Ticket, Busy> Scheduler::Worker::submit(GenerateRequest request) {
  const int64_t vocab = engine_.model().config().vocab_size;
  check_prompt("prompt", request.prompt, vocab, model_.context_length);
  const auto prompt_tokens = static_cast<int64_t>(request.prompt.size());
  const int64_t room = model_.context_length - prompt_tokens;
  check_range("n", static_cast<int64_t>(request.choices.size()), 1, most_choices);
  check_range("top_logprobs", request.top_logprobs, 0, most_top_logprobs);
  check_range("prompt_logprobs", request.top_prompt_logprobs, 0, most_top_logprobs);
  check_stops(request.stop.texts());
  for (const int32_t token : request.stop_tokens)
    check_range("stop_token_ids", token, 0, vocab - 1);
  check_weight(request.weight);
  check_deadline("queue deadline", request.queue_deadline);
  check_deadline("first-token deadline", request.first_token_deadline);
  check_deadline("total deadline", request.total_deadline);
  if (request.max_tokens > room || (request.max_tokens < 0 && room == 0))
    fail(ErrorKind::invalid_input, "max_tokens: the prompt has ", prompt_tokens, " tokens and ",
         std::max<int64_t>(request.max_tokens, 1), " are asked for, but the context holds ",
         model_.context_length, "; shorten the prompt or ask for fewer");
  const int64_t max_tokens = request.max_tokens < 0 ? room : request.max_tokens;
  check_range("min_tokens", request.min_tokens, 0, max_tokens);

  std::unique_ptr<Job> job = new_job(std::move(request));
  const GenerateRequest& what = job->request;
  for (const auto& run : job->runs) {
    ContinuationOptions how;
    how.sample = what.choices[run->choice].sample;
    how.constraint = what.choices[run->choice].constraint;
    how.thinking = what.thinking;
    how.max_tokens = max_tokens;
    how.min_tokens = what.min_tokens;
    how.stop = what.stop;
    // Bound text ends where its grammar does, so that there the model's end tokens stay what they
    // are.
    if (!what.ignore_end || how.constraint != nullptr) how.end_tokens = model_.end_tokens;
    if (what.ignore_end) how.avoided_end = how.end_tokens;
    for (const int32_t token : what.stop_tokens) how.avoided_end.erase(token);
    how.end_tokens.insert(what.stop_tokens.begin(), what.stop_tokens.end());
    how.logprobs = what.logprobs;
    how.top_logprobs = what.top_logprobs;
    run->answer.emplace(std::move(how), model_.tokenizer, vocab);
    run->answer->add_prompt(what.prompt);
  }
  job->waiting_cost = prompt_tokens + static_cast<int64_t>(job->runs.size()) *
                                          std::min(max_tokens, options_.counted_output_tokens);
  return enqueue(std::move(job));
}

std::variant<Ticket, Busy> Scheduler::Worker::submit(EmbedRequest request) {
  check_prompt("input", request.tokens, engine_.model().config().vocab_size, model_.context_length);
  check_weight(request.weight);
  check_deadline("queue deadline", request.queue_deadline);
  check_deadline("total deadline", request.total_deadline);
  GenerateRequest common;
  common.prompt = std::move(request.tokens);
  common.request_class = request.request_class;
  common.tenant = std::move(request.tenant);
  common.weight = request.weight;
  common.queue_deadline = request.queue_deadline;
  common.total_deadline = request.total_deadline;
  common.use_cache = false;
  std::unique_ptr<Job> job = new_job(std::move(common));
  job->pooling = request.pooling;
  job->waiting_cost = job->usage.prompt_tokens;
  return enqueue(std::move(job));
}

// When there should be room: the time in which the work that waits shrinks by what is missing, as
// fast as tokens are computed, and one request later than who was refused before.
std::chrono::milliseconds Scheduler::Worker::next_turn(int64_t tokens) {
  const auto seconds_for = [&](double amount) {
    return std::chrono::duration<double>(rows_per_second_ > 0 ? amount / rows_per_second_ : 1);
  };
  const double each = double(waiting_.tokens) / double(std::max<int64_t>(waiting_.requests, 1));
  double missing = double(waiting_.tokens + tokens - options_.max_waiting_tokens);
  if (waiting_.requests >= options_.max_waiting_requests) missing = std::max(missing, each);
  const auto within = [](std::chrono::duration<double> wait) {
    return std::chrono::duration_cast<SchedulerTime::duration>(
        std::clamp(wait, std::chrono::duration<double>(0.25), longest_retry));
  };
  const SchedulerTime present = now();
  const SchedulerTime soonest = present + within(seconds_for(missing));
  const auto apart = std::chrono::duration_cast<SchedulerTime::duration>(
      std::min(seconds_for(each), longest_retry));
  last_turn_ = std::max(soonest, last_turn_ + apart);
  // So many wait for their turn that they begin anew.
  if (last_turn_ > present + longest_retry) last_turn_ = soonest;
  return std::chrono::ceil<std::chrono::milliseconds>(last_turn_ - present);
}

// Why a request of this tenant may not join those that wait. A tenant with a name has at most so
// much of the queue that a part of it is left to others: a share of what is still free.
std::optional<Busy> Scheduler::Worker::refusal(const std::string& tenant, int64_t tokens) {
  const auto refuse = [&](std::string reason) {
    ++refused_;
    return Busy{std::move(reason), next_turn(tokens)};
  };
  if (draining_) {
    ++refused_;
    return Busy{"the server is shutting down", std::chrono::milliseconds(1000), true};
  }
  if (waiting_.requests == 0) return std::nullopt;
  if (waiting_.requests >= options_.max_waiting_requests)
    return refuse(concat("the queue is full: ", waiting_.requests, " requests wait"));
  if (waiting_.tokens + tokens > options_.max_waiting_tokens)
    return refuse(concat("the queue is full: ", waiting_.tokens, " tokens wait"));
  const auto found = waits_of_.find(tenant);
  if (tenant.empty() || found == waits_of_.end()) return std::nullopt;
  const Waiting& mine = found->second;
  if (mine.requests >= share_of_free * (options_.max_waiting_requests - waiting_.requests))
    return refuse(concat("your share of the queue is full: ", mine.requests, " requests wait"));
  if (mine.tokens >= share_of_free * (options_.max_waiting_tokens - waiting_.tokens))
    return refuse(concat("your share of the queue is full: ", mine.tokens, " tokens wait"));
  return std::nullopt;
}

std::optional<Busy> Scheduler::Worker::busy(const std::string& tenant, int64_t tokens) {
  const std::lock_guard lock(mutex_);
  return refusal(tenant, tokens);
}

void Scheduler::Worker::waits_no_more(const Job& job) {
  --waiting_.requests;
  waiting_.tokens -= job.waiting_cost;
  const auto mine = waits_of_.find(job.request.tenant);
  mine->second.tokens -= job.waiting_cost;
  if (--mine->second.requests == 0) waits_of_.erase(mine);
}

std::variant<Ticket, Busy> Scheduler::Worker::enqueue(std::unique_ptr<Job> job) {
  std::shared_ptr<Ticket::State> state;
  {
    const std::lock_guard lock(mutex_);
    if (auto busy = refusal(job->request.tenant, job->waiting_cost)) return std::move(*busy);
    job->id = next_id_++;
    Waiting& mine = waits_of_[job->request.tenant];
    for (Waiting* waiting : {&waiting_, &mine}) {
      ++waiting->requests;
      waiting->tokens += job->waiting_cost;
    }
    if (open_jobs_++ == 0) last_progress_ = now().time_since_epoch().count();
    state = std::make_shared<Ticket::State>(job->id, options_.buffer_tokens, doorbell_);
    job->ticket = state;
    submitted_.push_back(std::move(job));
  }
  doorbell_->ring();
  return Ticket(std::move(state));
}

SchedulerStatistics Scheduler::Worker::statistics() const {
  const std::lock_guard lock(mutex_);
  SchedulerStatistics statistics = published_;
  statistics.waiting_requests = waiting_.requests;
  statistics.waiting_tokens = waiting_.tokens;
  statistics.submitted = next_id_ - 1;
  statistics.refused = refused_;
  return statistics;
}

SchedulerTime Scheduler::Worker::last_progress() const {
  return SchedulerTime(SchedulerTime::duration(last_progress_.load()));
}

bool Scheduler::Worker::drain(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  const SchedulerTime until = now() + grace;
  const auto quiet = [this] { return open_jobs_ == 0; };
  if (!options_.own_thread) {
    while (!quiet() && now() < until)
      if (!round()) break;
    const bool finished = quiet();
    abort_ = true;
    round();
    return finished;
  }
  std::unique_lock lock(mutex_);
  if (quiet_.wait_for(lock, grace, quiet)) return true;
  abort_ = true;
  doorbell_->ring();
  quiet_.wait(lock, quiet);
  return false;
}

}  // namespace deepseek
