// SPDX-License-Identifier: Apache-2.0
// One step: which rows, through the model, and what each sequence makes of them.
#include <algorithm>
#include <tuple>

#include "core/thread_pool.h"
#include "engine/scheduler/worker.h"
#include "ops/shape.h"

namespace deepseek {
namespace {

/// Rows whose logits are held at once when a prompt is scored.
constexpr int64_t scored_rows = 64;

/// What `work` fails with.
template <class Work>
std::optional<Error> failure_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorKind::internal, error.what());
  }
  return std::nullopt;
}

double seconds(SchedulerTime::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

int64_t Scheduler::Worker::pending(const Run& run) const {
  return static_cast<int64_t>(run.tokens.size()) - engine_.length(run.sequence);
}

bool Scheduler::Worker::wants_hidden(const Run& run) const {
  return run.job->pooling || (run.job->request.prompt_logprobs && !run.begun && run.choice == 0);
}

bool Scheduler::Worker::paused(Run& run) {
  const Ticket::State& ticket = *run.job->ticket;
  run.paused = run.paused ? !ticket.half_empty() : ticket.full();
  return run.paused;
}

std::vector<Scheduler::Worker::Part> Scheduler::Worker::plan() {
  std::vector<Part> parts;
  add_decode(parts);
  add_prefill(parts);
  secure_pages(parts);
  return parts;
}

void Scheduler::Worker::add_decode(std::vector<Part>& parts) {
  bool interactive = false;
  std::vector<Run*> batch;
  for (Run* run : running_) {
    if (run->stage != Run::Stage::running || paused(*run)) continue;
    interactive |= run->job->urgent;
    if (!run->begun || pending(*run) != 1) continue;
    if (run->job->urgent)
      parts.push_back({run, 1, true});
    else
      batch.push_back(run);
  }
  if (interactive && static_cast<int64_t>(batch.size()) > options_.batch_rows_beside_interactive) {
    std::stable_sort(batch.begin(), batch.end(),
                     [](const Run* a, const Run* b) { return a->last_step < b->last_step; });
    batch.resize(static_cast<size_t>(options_.batch_rows_beside_interactive));
  }
  for (Run* run : batch) parts.push_back({run, 1, true});
}

void Scheduler::Worker::add_prefill(std::vector<Part>& parts) {
  std::vector<Run*> runs;
  for (Run* run : running_)
    if (run->stage == Run::Stage::running && !run->paused && (!run->begun || pending(*run) > 1))
      runs.push_back(run);
  std::stable_sort(runs.begin(), runs.end(), [](const Run* a, const Run* b) {
    return std::tuple(!a->job->urgent, a->job->tenant->virtual_time, a->job->id, a->choice) <
           std::tuple(!b->job->urgent, b->job->tenant->virtual_time, b->job->id, b->choice);
  });
  int64_t left = budget_.prefill_rows(static_cast<int64_t>(parts.size()));
  for (Run* run : runs) {
    if (left <= 0) return;
    // Another sequence may have filled the next page since.
    if (const int64_t pages = append_cached(*run); pages > 0)
      count_cached(*run, pages, CacheTier::memory);
    int64_t rows = std::min(pending(*run), left);
    if (rows < pending(*run)) {
      // Chunks that end with a page let others share it and find theirs.
      const int64_t end =
          (engine_.length(run->sequence) + rows) / tokens_per_page * tokens_per_page;
      if (end > engine_.length(run->sequence)) rows = end - engine_.length(run->sequence);
    }
    left -= rows;
    parts.push_back({run, rows, false});
  }
}

// Who came last gives way first; those whose readers are slow, and batch work, before that.
Run* Scheduler::Worker::page_victim() {
  Run* victim = nullptr;
  const auto rank = [](const Run& run) {
    return std::tuple(run.paused, !run.job->urgent, run.job->id, run.choice);
  };
  for (Run* run : running_)
    if (run->stage == Run::Stage::running && (victim == nullptr || rank(*run) > rank(*victim)))
      victim = run;
  return victim;
}

void Scheduler::Worker::secure_pages(std::vector<Part>& parts) {
  const PagePool& pool = engine_.pool();
  for (;;) {
    int64_t needed = 0;
    for (const Part& part : parts) needed += engine_.pages_needed(part.run->sequence, part.rows);
    if (needed <= pool.free_pages()) return;
    if (needed <= pool.free_pages() + pool.reclaimable_pages() && cache_ && cache_->reclaim(needed))
      return;
    Run* victim = page_victim();
    if (victim != nullptr && running_.size() > 1) {
      std::erase_if(parts, [victim](const Part& part) { return part.run == victim; });
      preempt(*victim);
      continue;
    }
    parts.clear();
    // With pages on their way from the disk for others, it waits for those.
    if (victim != nullptr && loads_.empty())
      end_job(*victim->job, FinishReason::error,
              Error(ErrorKind::out_of_memory,
                    concat("the cache of ", pool.total_pages() * tokens_per_page,
                           " tokens cannot hold the request; raise --cache-bytes")));
    return;
  }
}

void Scheduler::Worker::execute(const std::vector<Part>& parts) {
  const SchedulerTime begin = now();
  ++step_number_;
  std::vector<StepSpan> spans;
  spans.reserve(parts.size());
  int64_t decode_rows = 0, prefill_rows = 0;
  bool hidden_wanted = false;
  for (const Part& part : parts) {
    const Run& run = *part.run;
    const auto from = run.tokens.begin() + engine_.length(run.sequence);
    const bool draws = part.rows == pending(run) && run.answer && !run.answer->finish();
    spans.push_back({run.sequence,
                     {from, from + part.rows},
                     draws ? StepSpan::Logits::last : StepSpan::Logits::none});
    hidden_wanted |= wants_hidden(run);
    (part.decode ? decode_rows : prefill_rows) += part.rows;
  }

  std::optional<StepResult> result;
  Tensor hidden_td;
  std::optional<Error> failure = failure_of([&] {
    result = engine_.step(spans, expert_load_.get(), hidden_wanted ? &hidden_td : nullptr);
    if (!result) fail(ErrorKind::internal, "scheduler: a step got no pages");
  });
  const SchedulerTime computed = now();
  if (failure) {
    std::vector<Job*> jobs;
    jobs.reserve(parts.size());
    for (const Part& part : parts) jobs.push_back(part.run->job);
    std::sort(jobs.begin(), jobs.end());
    jobs.erase(std::unique(jobs.begin(), jobs.end()), jobs.end());
    for (Job* job : jobs) end_job(*job, FinishReason::error, failure);
    return;
  }

  if (expert_load_)
    for (const auto& [layer, max_violation] : expert_load_->take_window())
      options_.observer->expert_load(layer, max_violation);

  std::vector<Draw> draws;
  int64_t first_row = 0;
  const int64_t vocab = engine_.model().config().vocab_size;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    Run& run = *part.run;
    run.last_step = step_number_;
    tenants_.charge(*run.job->tenant, part.rows);
    const std::optional<Error> error =
        run.job->error ? run.job->error
                       : failure_of([&] { after_rows(part, hidden_td, first_row); });
    first_row += part.rows;
    if (error) fail_runs(*run.job, *error);
    if (error || pending(run) > 0) continue;
    const bool prompt_done = !run.begun;
    run.begun = true;
    const bool draws_now = spans[i].logits == StepSpan::Logits::last;
    if (prompt_done && run.choice == 0) fork_choices(run);
    if (!draws_now) continue;
    const std::span<const float> logits =
        result->logits.values().subspan(size_t(result->first_row[i] * vocab), size_t(vocab));
    draws.push_back({&run, logits});
    if (!prompt_done || run.choice != 0) continue;
    for (size_t c = 1; c < run.job->runs.size(); ++c)
      draws.push_back({run.job->runs[c].get(), logits});
  }
  draw(draws);

  const SchedulerTime drawn = now();
  for (Draw& one : draws) deliver(one, drawn);
  for (const Part& part : parts)  // nothing to draw: an embedding, or a prompt that was only scored
    for (const auto& run : part.run->job->runs)
      if (run->stage != Run::Stage::done && run->begun && (!run->answer || run->answer->finish()))
        finish_run(*run);
  std::vector<int64_t> done;
  for (const Part& part : parts)
    if (done.empty() || done.back() != part.run->job->id) done.push_back(part.run->job->id);
  for (const int64_t id : done)
    if (const auto job = jobs_.find(id); job != jobs_.end()) close_if_done(*job->second);

  const SchedulerTime end = now();
  budget_.took(seconds(end - begin), decode_rows, prefill_rows);
  counts_.steps = static_cast<int64_t>(step_number_);
  counts_.computed_tokens += decode_rows + prefill_rows;
  counts_.model_seconds += seconds(computed - begin);
  counts_.step_seconds += seconds(end - begin);
  counts_.last_step_seconds = seconds(end - begin);
  counts_.last_step_decode_rows = decode_rows;
  counts_.last_step_prefill_rows = prefill_rows;
  if (options_.observer)
    options_.observer->step(counts_.last_step_seconds, decode_rows, prefill_rows);
  last_progress_ = end.time_since_epoch().count();
}

void Scheduler::Worker::after_rows(const Part& part, const Tensor& hidden_td, int64_t first_row) {
  Run& run = *part.run;
  Job& job = *run.job;
  const int64_t end = engine_.length(run.sequence);
  run.reached = std::max(run.reached, end);
  keep_filled_pages(run);
  if (run.begun) return;
  if (job.pooling)
    pool_hidden(run, hidden_td, first_row, part.rows, end == part.rows);
  else if (wants_hidden(run))
    score_prompt(run, hidden_td, first_row, end - part.rows, end);
  if (job.request.report_progress)
    job.ticket->push(PrefillProgress{job.usage.prompt_tokens, job.usage.cached_tokens, end,
                                     1000 * seconds(now() - job.submitted)});
}

void Scheduler::Worker::keep_filled_pages(Run& run) {
  if (!cache_ || !run.job->request.use_cache) return;
  const int64_t filled = engine_.length(run.sequence) / tokens_per_page;
  if (run.kept_pages == filled) return;
  for (; run.kept_pages < filled; ++run.kept_pages) {
    const PagePool::PageId own = engine_.filled_page(run.sequence, run.kept_pages);
    const PagePool::PageId kept = cache_->insert(key_of(run, run.kept_pages), own);
    if (kept != own) engine_.replace_page(run.sequence, run.kept_pages, kept);
  }
  cache_->touch(std::span(run.keys).first(static_cast<size_t>(run.kept_pages)));
}

// Row r of positions [begin, end) gives the logprob of token r + 1. A few rows at a time: logits of
// a whole chunk would be large.
void Scheduler::Worker::score_prompt(Run& run, const Tensor& hidden_td, int64_t first_row,
                                     int64_t begin, int64_t end) {
  const std::vector<int32_t>& prompt = run.job->request.prompt;
  const auto size = static_cast<int64_t>(prompt.size());
  PromptLogprobs event;
  event.first = run.scored;
  if (run.scored == 0) {
    event.logprobs.emplace_back();
    run.scored = 1;
  }
  const int64_t last = std::min(end, size - 1);
  for (int64_t row = std::max(begin, run.scored - 1); row < last;) {
    const int64_t next = std::min(last, row + scored_rows);
    const int64_t at = first_row + row - begin;
    const Transformer& model = engine_.model();
    const Tensor logits = model.logits(model.norm(slice_rows(hidden_td, at, at + next - row)));
    std::vector<std::optional<Logprobs>> scores(static_cast<size_t>(next - row));
    const auto vocab = static_cast<size_t>(logits.dim(-1));
    compute_pool().parallel_for(next - row, 1, [&](int64_t from, int64_t to, int) {
      for (int64_t i = from; i < to; ++i)
        scores[size_t(i)] =
            log_probabilities(logits.values().subspan(size_t(i) * vocab, vocab),
                              prompt[size_t(row + i + 1)], run.job->request.top_prompt_logprobs);
    });
    std::move(scores.begin(), scores.end(), std::back_inserter(event.logprobs));
    row = next;
    run.scored = row + 1;
  }
  if (!event.logprobs.empty()) run.job->ticket->push(std::move(event));
}

void Scheduler::Worker::pool_hidden(Run& run, const Tensor& hidden_td, int64_t first_row,
                                    int64_t rows, bool first) {
  const bool mean = *run.job->pooling == EmbedRequest::Pooling::mean;
  const int64_t from = mean ? first_row : first_row + rows - 1;
  const Tensor normed = engine_.model().norm(slice_rows(hidden_td, from, first_row + rows));
  const auto width = static_cast<size_t>(normed.dim(-1));
  // In order of position: how the prompt was cut into chunks changes nothing.
  if (first || !mean) run.sums.assign(width, 0);
  for (int64_t row = 0; row < normed.dim(0); ++row)
    for (size_t i = 0; i < width; ++i)
      run.sums[i] += double(normed.data()[row * int64_t(width) + int64_t(i)]);
  if (pending(run) > 0) return;
  Embedding event;
  const double count = mean ? double(run.tokens.size()) : 1;
  for (const double sum : run.sums) event.values.push_back(float(sum / count));
  run.job->ticket->push(std::move(event));
}

// The others begin behind the prompt of the first. Those for which there is no place take the same
// logits and wait.
void Scheduler::Worker::fork_choices(Run& first) {
  Job& job = *first.job;
  for (size_t c = 1; c < job.runs.size(); ++c) {
    Run& run = *job.runs[c];
    run.tokens = first.tokens;
    run.keys = first.keys;
    run.begun = true;
    run.reached = first.reached;
    if (static_cast<int64_t>(running_.size()) >= options_.max_running || run.answer->finish()) {
      put_back(run);
      continue;
    }
    run.sequence = engine_.fork(first.sequence);
    run.kept_pages = first.kept_pages;
    join_running(run);
  }
}

void Scheduler::Worker::draw(std::vector<Draw>& draws) {
  const auto one = [](Draw& draw) {
    draw.error = failure_of([&] {
      draw.piece =
          draw.run->answer->advance(draw.logits, static_cast<int64_t>(draw.run->tokens.size()));
    });
  };
  if (draws.size() == 1) return one(draws.front());
  compute_pool().parallel_for(static_cast<int64_t>(draws.size()), 1,
                              [&](int64_t begin, int64_t end, int) {
                                for (int64_t i = begin; i < end; ++i) one(draws[size_t(i)]);
                              });
}

// The job stays until the step is over: close_if_done would look at it again.
void Scheduler::Worker::fail_runs(Job& job, const Error& error) {
  job.error = error;
  for (const auto& run : job.runs)
    if (run->stage != Run::Stage::done) end_run(*run, FinishReason::error);
}

void Scheduler::Worker::deliver(Draw& draw, SchedulerTime time) {
  Run& run = *draw.run;
  Job& job = *run.job;
  if (run.stage == Run::Stage::done) return;  // another choice failed
  if (draw.error) return fail_runs(job, *draw.error);
  ContinuationPiece& piece = draw.piece;
  if (piece.token) {
    run.tokens.push_back(*piece.token);
    ++counts_.generation_tokens;
    if (!job.first_token) {
      job.first_token = time;
      if (options_.observer) options_.observer->first_token(seconds(time - job.submitted));
    } else if (options_.observer && run.last_token != SchedulerTime{}) {
      options_.observer->inter_token(seconds(time - run.last_token));
    }
    run.last_token = time;
  }
  if (piece.token || !piece.text.empty()) {
    Delta delta;
    delta.choice = run.choice;
    delta.text = std::move(piece.text);
    if (piece.token) delta.tokens.push_back(*piece.token);
    if (piece.logprobs) delta.logprobs.push_back(*std::move(piece.logprobs));
    delta.thinking = piece.thinking;
    job.ticket->push(std::move(delta));
  }
  if (run.answer->finish()) finish_run(run);
}

}  // namespace deepseek
