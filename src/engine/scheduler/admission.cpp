// SPDX-License-Identifier: Apache-2.0
// Who may start, with what of its prompt already there, and who has to give way.
#include <algorithm>
#include <tuple>

#include "engine/scheduler/worker.h"

namespace deepseek {
namespace {

/// By how many tokens (over weight) a tenant must be ahead before it gives way to another.
constexpr double fairness_quantum = 64;

int64_t pages_for(int64_t tokens) { return (tokens + tokens_per_page - 1) / tokens_per_page; }

auto priority(const Run& run) { return std::tuple(!run.job->urgent, run.job->id, run.choice); }

bool goes_before(const Run* a, const Run* b) { return priority(*a) < priority(*b); }

}  // namespace

void Scheduler::Worker::put_back(Run& run) {
  run.stage = Run::Stage::waiting;
  std::deque<Run*>& queue = run.job->tenant->waiting;
  queue.insert(std::lower_bound(queue.begin(), queue.end(), &run,
                                [](const Run* a, const Run* b) {
                                  return std::tuple(a->job->id, a->choice) <
                                         std::tuple(b->job->id, b->choice);
                                }),
               &run);
}

// Interactive work first; then the tenant that has had least; then who came first.
Run* Scheduler::Worker::next_waiting() {
  const SchedulerTime time = now();
  for (const auto& [id, job] : jobs_)
    if (!job->urgent && time - job->submitted >= options_.batch_patience) job->urgent = true;
  for (const bool urgent : {true, false}) {
    const auto ready = [urgent](const Run* run) { return run->job->urgent == urgent; };
    Tenant* tenant = tenants_.next(
        [&](const Tenant& t) { return std::any_of(t.waiting.begin(), t.waiting.end(), ready); });
    if (tenant != nullptr)
      return *std::find_if(tenant->waiting.begin(), tenant->waiting.end(), ready);
  }
  return nullptr;
}

void Scheduler::Worker::admit() {
  while (Run* next = next_waiting()) {
    const bool slot = static_cast<int64_t>(running_.size()) < options_.max_running;
    if (slot && start(*next)) continue;
    Run* victim = victim_for(*next);
    if (victim == nullptr) return;
    preempt(*victim);
  }
}

const PageKey& Scheduler::Worker::key_of(Run& run, int64_t page) {
  while (static_cast<int64_t>(run.keys.size()) <= page) {
    const size_t at = run.keys.size() * size_t{tokens_per_page};
    run.keys.push_back(next_page_key(run.keys.empty() ? run.job->root : run.keys.back(),
                                     std::span(run.tokens).subspan(at, tokens_per_page)));
  }
  return run.keys[static_cast<size_t>(page)];
}

// Pages of its tokens that may come from the cache. The last token is always computed: its logits
// are what the next one is drawn from; so are those whose logprobs are still to be reported.
int64_t Scheduler::Worker::usable_pages(const Run& run) const {
  if (!cache_ || !run.job->request.use_cache) return 0;
  int64_t tokens = static_cast<int64_t>(run.tokens.size()) - 1;
  if (run.job->request.prompt_logprobs && !run.begun)
    tokens = std::min(tokens, std::max<int64_t>(run.scored - 1, 0));
  return tokens / tokens_per_page;
}

int64_t Scheduler::Worker::append_cached(Run& run) {
  const int64_t usable = usable_pages(run);
  int64_t pages = 0;
  while (engine_.length(run.sequence) % tokens_per_page == 0) {
    const int64_t page = engine_.length(run.sequence) / tokens_per_page;
    if (page >= usable) break;
    const auto found = cache_->find(key_of(run, page));
    if (!found) break;
    engine_.append_page(run.sequence, *found);
    run.kept_pages = page + 1;
    ++pages;
  }
  return pages;
}

void Scheduler::Worker::count_lookup(CacheTier tier, int64_t tokens) {
  if (tier == CacheTier::memory) counts_.prefix_query_tokens += tokens;
  if (options_.observer) options_.observer->looked_up(tier, tokens);
}

// What a run finds that it computed itself before it was pre-empted is no hit.
void Scheduler::Worker::count_cached(Run& run, int64_t pages, CacheTier tier) {
  const int64_t length = engine_.length(run.sequence);
  const int64_t tokens = length - std::max(length - pages * tokens_per_page, run.reached);
  run.reached = std::max(run.reached, length);
  if (tokens <= 0 || run.begun) return;
  const bool from_disk = tier == CacheTier::disk;
  run.job->usage.cached_tokens += tokens;
  (from_disk ? counts_.prefix_disk_hit_tokens : counts_.prefix_memory_hit_tokens) += tokens;
  if (from_disk) run.job->usage.disk_cached_tokens += tokens;
  if (options_.observer) options_.observer->found(tier, tokens);
}

// With what it has already: room for all its tokens, for what those that run still lack of theirs,
// and a page for each that is decoding.
bool Scheduler::Worker::fits(const Run& run) const {
  const auto missing = [this](const Run& r) {
    return pages_for(static_cast<int64_t>(r.tokens.size()) + 1) -
           pages_for(engine_.length(r.sequence));
  };
  int64_t available = engine_.pool().free_pages() + engine_.pool().reclaimable_pages();
  for (const Run* other : running_) available -= missing(*other) + (other->begun ? 1 : 0);
  for (const Load& load : loads_)  // pages that a loading run lacks and yet has
    if (load.run != nullptr) available += static_cast<int64_t>(load.pages.size());
  return missing(run) <= available;
}

void Scheduler::Worker::join_running(Run& run) {
  run.stage = Run::Stage::running;
  ++run.job->tenant->running;
  running_.insert(std::upper_bound(running_.begin(), running_.end(), &run, goes_before), &run);
}

bool Scheduler::Worker::start(Run& run) {
  Job& job = *run.job;
  run.sequence = engine_.add();
  run.kept_pages = 0;
  int64_t cached = 0;
  try {
    cached = append_cached(run);
  } catch (...) {
    engine_.drop(run.sequence);
    throw;
  }
  if (!fits(run)) {
    engine_.drop(run.sequence);
    run.kept_pages = 0;
    return false;
  }
  std::erase(job.tenant->waiting, &run);
  join_running(run);
  const bool begins = !job.started;
  if (begins) {
    job.started = now();
    counts_.prompt_tokens += job.usage.prompt_tokens;
    if (usable_pages(run) > 0) count_lookup(CacheTier::memory, job.usage.prompt_tokens);
    if (options_.observer)
      options_.observer->queued(
          std::chrono::duration<double>(*job.started - job.submitted).count());
    const std::lock_guard lock(mutex_);
    waits_no_more(job);
  }
  positions_changed_ = true;
  count_cached(run, cached, CacheTier::memory);
  if (disk_ && disk_->on()) {
    const int64_t first = engine_.length(run.sequence) / tokens_per_page;
    const int64_t usable = usable_pages(run);
    if (begins && first < usable)
      count_lookup(CacheTier::disk, job.usage.prompt_tokens - first * tokens_per_page);
    int64_t pages = 0;
    while (first + pages < usable && disk_->contains(key_of(run, first + pages))) ++pages;
    if (pages > 0) start_loading(run, first, pages);
  }
  return true;
}

bool Scheduler::Worker::start_loading(Run& run, int64_t first_page, int64_t pages) {
  if (!cache_->reclaim(pages)) return false;
  Load& load = loads_.emplace_back();
  std::vector<std::byte*> destinations;
  try {
    for (int64_t i = 0; i < pages; ++i) {
      load.keys.push_back(key_of(run, first_page + i));
      load.pages.push_back(*engine_.pool().allocate());
      destinations.push_back(engine_.pool().data(load.pages.back()));
    }
  } catch (...) {
    for (const PagePool::PageId page : load.pages) engine_.pool().release(page);
    loads_.pop_back();
    throw;
  }
  load.run = &run;
  run.stage = Run::Stage::loading;
  disk_->read(load.keys, std::move(destinations), [this, &load](int64_t good) {
    {
      const std::lock_guard lock(mutex_);
      load.good = good;
      loaded_.push_back(&load);
    }
    doorbell_->ring();
  });
  return true;
}

void Scheduler::Worker::loaded(Load& load) {
  Run* run = load.run;
  for (size_t i = 0; i < load.pages.size(); ++i) {
    if (static_cast<int64_t>(i) < load.good) {
      const PagePool::PageId kept = cache_->insert(load.keys[i], load.pages[i], /*on_disk=*/true);
      if (run != nullptr) {
        engine_.append_page(run->sequence, kept);
        ++run->kept_pages;
      }
    }
    engine_.pool().release(load.pages[i]);
  }
  if (run != nullptr) {
    run->stage = Run::Stage::running;
    count_cached(*run, load.good, CacheTier::disk);
    cache_->touch(std::span(run->keys).first(size_t(run->kept_pages)));
  }
  loads_.remove_if([&](const Load& other) { return &other == &load; });
}

// Interactive work takes the place of batch work; and a tenant below its share that of one above.
Run* Scheduler::Worker::victim_for(const Run& run) {
  Tenant& tenant = *run.job->tenant;
  Run* victim = nullptr;
  const auto worse = [](const Run& a, const Run& b) {
    return std::tuple(!a.job->urgent, a.job->tenant->virtual_time, a.job->id, a.choice) >
           std::tuple(!b.job->urgent, b.job->tenant->virtual_time, b.job->id, b.choice);
  };
  for (Run* other : running_) {
    if (other->stage != Run::Stage::running || other->job->urgent > run.job->urgent) continue;
    const Tenant& owner = *other->job->tenant;
    const bool yields = run.job->urgent && !other->job->urgent;
    const bool above = &owner != &tenant &&
                       double(owner.running) > tenants_.share(owner, options_.max_running) &&
                       double(tenant.running) < tenants_.share(tenant, options_.max_running) &&
                       tenant.virtual_time + fairness_quantum < owner.virtual_time;
    if ((yields || above) && (victim == nullptr || worse(*other, *victim))) victim = other;
  }
  return victim;
}

// Its tokens stay; its pages may be found again in the cache.
void Scheduler::Worker::preempt(Run& run) {
  release(run);
  put_back(run);
  ++counts_.preemptions;
  ++run.job->timings.preemptions;
  if (options_.observer) options_.observer->preempted();
}

void Scheduler::Worker::report_positions() {
  if (!positions_changed_) return;
  positions_changed_ = false;
  int64_t ahead = 0;
  for (const bool urgent : {true, false})
    for (const auto& [id, job] : jobs_) {
      if (job->started || job->urgent != urgent) continue;
      if (job->request.report_progress && job->reported_position != ahead) {
        job->reported_position = ahead;
        job->ticket->push(QueuePosition{ahead});
      }
      ++ahead;
    }
}

}  // namespace deepseek
