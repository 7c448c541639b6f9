// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler/worker.h"

#include <algorithm>
#include <utility>

#include "core/cpu.h"
#include "engine/text_model.h"

namespace deepseek {
namespace {

double seconds(SchedulerTime::duration time) { return std::chrono::duration<double>(time).count(); }
double milliseconds(SchedulerTime::duration time) { return 1000 * seconds(time); }

SchedulerOptions checked(SchedulerOptions options) {
  const auto at_least = [](const char* field, int64_t value, int64_t least) {
    if (value < least)
      fail(ErrorKind::invalid_input, "scheduler: ", field, ": expected at least ", least, ", got ",
           value);
  };
  at_least("max_running", options.max_running, 1);
  at_least("max_waiting_requests", options.max_waiting_requests, 0);
  at_least("max_waiting_tokens", options.max_waiting_tokens, 0);
  at_least("min_prefill_rows", options.min_prefill_rows, 1);
  at_least("max_prefill_rows", options.max_prefill_rows, options.min_prefill_rows);
  at_least("buffer_tokens", options.buffer_tokens, 1);
  at_least("batch_rows_beside_interactive", options.batch_rows_beside_interactive, 1);
  if (!options.clock) options.clock = [] { return std::chrono::steady_clock::now(); };
  return options;
}

std::string reply_fingerprint(const std::string& model) {
  const std::string text = concat(model, "|", features_text(cpu_features()));
  const Digest digest = sha256(std::as_bytes(std::span(text.data(), text.size())));
  return "fp_" + hex(std::span(digest).first(8));
}

}  // namespace

Scheduler::Worker::Worker(const Model& model, const SchedulerOptions& options)
    : model_(model),
      engine_(*model.engine),
      options_(checked(options)),
      fingerprint_(reply_fingerprint(model.fingerprint)),
      budget_(options_.min_prefill_rows, options_.max_prefill_rows,
              std::chrono::duration<double>(options_.target_step).count()) {
  if (options_.prefix_cache) {
    if (options_.disk)
      disk_ = std::make_unique<DiskTier>(
          DiskTier::Options{.folder = options_.disk->folder,
                            .max_bytes = options_.disk->max_bytes,
                            .page_bytes = engine_.pool().layout().page_bytes(),
                            .fingerprint = model_.fingerprint,
                            .notice = options_.notice});
    cache_ = std::make_unique<PrefixCache>(engine_.pool(), disk_.get());
  }
  if (options_.observer && engine_.model().config().n_routed_experts > 0)
    expert_load_ = std::make_unique<ExpertLoad>(engine_.model().config());
  last_progress_ = now().time_since_epoch().count();
  publish();
  if (options_.own_thread) thread_ = std::thread([this] { loop(); });
}

Scheduler::Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  stop_ = true;
  doorbell_->ring();
  if (thread_.joinable()) thread_.join();
  take_inbox();
  while (!jobs_.empty()) end_job(*jobs_.begin()->second, FinishReason::cancelled, std::nullopt);
  if (disk_) disk_->flush();
  take_inbox();
}

void Scheduler::Worker::loop() {
  while (!stop_) {
    try {
      if (round()) continue;
    } catch (const std::exception& error) {  // such as no memory: what was under way is lost
      const Error why(ErrorKind::internal, error.what());
      while (!jobs_.empty()) end_job(*jobs_.begin()->second, FinishReason::error, why);
      publish();
    }
    if (stop_) return;
    engine_.rest();
    if (jobs_.empty())
      doorbell_->wait();
    else
      doorbell_->wait_until(next_look());
  }
}

bool Scheduler::Worker::round() {
  take_inbox();
  end_what_must();
  admit();
  report_positions();
  std::vector<Part> parts = plan();
  if (!parts.empty())
    execute(parts);
  else if (loads_.empty())
    last_progress_ = now().time_since_epoch().count();  // all there is waits for its readers
  if (cache_) cache_->write_behind();
  publish();
  if (parts.empty() && !options_.own_thread && !loads_.empty()) {
    doorbell_->wait();  // by hand nobody else waits for the disk
    return true;
  }
  return !parts.empty();
}

void Scheduler::Worker::take_inbox() {
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<Load*> loads;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(submitted_);
    loads.swap(loaded_);
  }
  for (std::unique_ptr<Job>& job : jobs) {
    job->tenant = &tenants_.enter(job->request.tenant, job->request.weight);
    put_back(*job->runs.front());
    jobs_.emplace(job->id, std::move(job));
    positions_changed_ = true;
  }
  for (Load* load : loads) loaded(*load);
}

// The first that passes of those that still count.
std::optional<SchedulerTime> Scheduler::Worker::next_deadline(const Job& job) {
  const GenerateRequest& request = job.request;
  std::optional<SchedulerTime> next;
  const auto count = [&](SchedulerTime since, std::chrono::milliseconds limit) {
    if (limit.count() > 0) next = std::min(next.value_or(since + limit), since + limit);
  };
  if (!job.started) count(job.submitted, request.queue_deadline);
  if (!job.started && request.request_class == RequestClass::batch) return next;
  const SchedulerTime since =
      request.request_class == RequestClass::batch ? *job.started : job.submitted;
  if (!job.first_token) count(since, request.first_token_deadline);
  count(since, request.total_deadline);
  return next;
}

void Scheduler::Worker::end_late(Job& job) {
  const LateIn late = !job.started       ? LateIn::queue
                      : !job.first_token ? LateIn::prompt
                                         : LateIn::answer;
  const char* const where = late == LateIn::queue    ? "still in the queue"
                            : late == LateIn::prompt ? "without its first token"
                                                     : "not at its end";
  end_job(job, FinishReason::timeout,
          Error(ErrorKind::busy, concat("the request was ", where, " when its time was over")),
          late);
}

void Scheduler::Worker::end_what_must() {
  const SchedulerTime time = now();
  const bool abort = abort_;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    Job& job = *(at++)->second;
    if (job.ticket->cancel)
      end_job(job, FinishReason::cancelled, std::nullopt);
    else if (abort)
      end_job(job, FinishReason::error, Error(ErrorKind::busy, "the server is shutting down"));
    else if (const auto deadline = next_deadline(job); deadline && time >= *deadline)
      end_late(job);
  }
}

SchedulerTime Scheduler::Worker::next_look() const {
  SchedulerTime next = now() + std::chrono::milliseconds(100);
  for (const auto& [id, job] : jobs_)
    if (const auto deadline = next_deadline(*job)) next = std::min(next, *deadline);
  return next;
}

// Gives back what the run holds, wherever it is.
void Scheduler::Worker::release(Run& run) {
  if (run.stage == Run::Stage::waiting) std::erase(run.job->tenant->waiting, &run);
  if (run.stage == Run::Stage::loading)
    for (Load& load : loads_)
      if (load.run == &run) load.run = nullptr;
  if (run.stage == Run::Stage::running || run.stage == Run::Stage::loading) {
    if (cache_) cache_->touch(std::span(run.keys).first(size_t(run.kept_pages)));
    engine_.drop(run.sequence);
    std::erase(running_, &run);
    --run.job->tenant->running;
    positions_changed_ = true;
  }
  run.kept_pages = 0;
}

void Scheduler::Worker::finish_run(Run& run) {
  Job& job = *run.job;
  release(run);
  run.stage = Run::Stage::done;
  if (!run.answer) return;
  const Continuation& answer = *run.answer;
  ChoiceFinished event;
  event.choice = run.choice;
  event.reason = *answer.finish();
  event.stop_string = answer.matched_stop();
  event.end_token = answer.end_token();
  event.end_logprobs = answer.end_logprobs();
  event.tokens = static_cast<int64_t>(answer.tokens().size());
  event.reasoning_tokens = answer.reasoning_tokens();
  event.cumulative_logprob = answer.cumulative_logprob();
  job.usage.completion_tokens += event.tokens;
  job.usage.reasoning_tokens += event.reasoning_tokens;
  if (!job.first_reason) job.first_reason = event.reason;
  ++counts_.finished_choices[static_cast<size_t>(event.reason)];
  job.ticket->push(event);
}

void Scheduler::Worker::end_run(Run& run, FinishReason reason) {
  if (run.answer) {
    Delta rest;
    rest.choice = run.choice;
    rest.text = run.answer->end(reason);
    if (!rest.text.empty()) run.job->ticket->push(std::move(rest));
  }
  finish_run(run);
}

void Scheduler::Worker::end_job(Job& job, FinishReason reason, const std::optional<Error>& error,
                                std::optional<LateIn> late) {
  for (const auto& run : job.runs)
    if (run->stage != Run::Stage::done) end_run(*run, reason);
  if (!job.first_reason) job.first_reason = reason;
  if (!job.started) positions_changed_ = true;
  const SchedulerTime time = now();
  Timings& timings = job.timings;
  timings.total_ms = milliseconds(time - job.submitted);
  timings.queue_ms = job.started ? milliseconds(*job.started - job.submitted) : timings.total_ms;
  if (job.started) timings.prefill_ms = milliseconds(job.first_token.value_or(time) - *job.started);
  if (job.first_token) {
    timings.first_token_ms = milliseconds(*job.first_token - job.submitted);
    timings.decode_ms = milliseconds(time - *job.first_token);
  }
  if (options_.observer)
    options_.observer->finished(job.request.tenant, job.usage, timings, *job.first_reason);
  job.ticket->push(Finished{job.usage, timings, error, late});
  tenants_.leave(*job.tenant);
  if (!job.started) {
    const std::lock_guard lock(mutex_);
    waits_no_more(job);
  }
  ++ended_jobs_;
  jobs_.erase(job.id);
}

void Scheduler::Worker::close_if_done(Job& job) {
  const bool done = std::all_of(job.runs.begin(), job.runs.end(),
                                [](const auto& run) { return run->stage == Run::Stage::done; });
  if (done) end_job(job, FinishReason::stop, job.error);
}

void Scheduler::Worker::publish() {
  SchedulerStatistics& s = counts_;
  const PagePool& pool = engine_.pool();
  s.running_sequences = static_cast<int64_t>(running_.size());
  s.running_requests = std::count_if(
      jobs_.begin(), jobs_.end(), [](const auto& job) { return job.second->started.has_value(); });
  s.total_pages = pool.total_pages();
  s.cached_pages = pool.reclaimable_pages();
  s.used_pages = pool.total_pages() - pool.free_pages() - pool.reclaimable_pages();
  s.kv_usage = double(s.used_pages) / double(s.total_pages);
  if (disk_) {
    s.disk_on = disk_->on();
    s.disk_bytes = disk_->bytes();
    s.disk_pages = disk_->pages();
  }
  {
    const std::lock_guard lock(mutex_);
    published_ = s;
    rows_per_second_ = budget_.rows_per_second();
    open_jobs_ -= std::exchange(ended_jobs_, 0);
  }
  quiet_.notify_all();
}

Scheduler::Scheduler(TextModel& model, const SchedulerOptions& options)
    : Scheduler(Model{.engine = &model.engine(),
                      .tokenizer = &model.tokenizer(),
                      .end_tokens = model.end_tokens(),
                      .context_length = model.context_length(),
                      .fingerprint = model.fingerprint()},
                options) {}

Scheduler::Scheduler(const Model& model, const SchedulerOptions& options)
    : worker_(std::make_unique<Worker>(model, options)) {}

Scheduler::~Scheduler() = default;

std::variant<Ticket, Busy> Scheduler::submit(GenerateRequest request) {
  return worker_->submit(std::move(request));
}

std::variant<Ticket, Busy> Scheduler::submit(EmbedRequest request) {
  return worker_->submit(std::move(request));
}

SchedulerStatistics Scheduler::statistics() const { return worker_->statistics(); }
std::optional<Busy> Scheduler::busy(const std::string& tenant, int64_t tokens) {
  return worker_->busy(tenant, tokens);
}
bool Scheduler::idle() const { return worker_->idle(); }
SchedulerTime Scheduler::last_progress() const { return worker_->last_progress(); }
bool Scheduler::drain(std::chrono::milliseconds grace) { return worker_->drain(grace); }
bool Scheduler::draining() const { return worker_->draining(); }
const std::string& Scheduler::fingerprint() const { return worker_->fingerprint(); }

bool Scheduler::step() {
  if (worker_->own_thread())
    fail(ErrorKind::invalid_input,
         "scheduler: it has a thread of its own; step() is for one without");
  return worker_->round();
}

}  // namespace deepseek
