// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/disk_tier.h"
#include "engine/prefix_cache.h"
#include "engine/scheduler/expert_load.h"
#include "engine/scheduler/job.h"
#include "engine/scheduler/scheduler.h"
#include "engine/scheduler/step_budget.h"

namespace deepseek {

/// The scheduler itself. Everything below "the worker's own" is touched by the thread that calls
/// round() alone; nothing is locked while the model computes.
class Scheduler::Worker {
 public:
  Worker(const Model& model, const SchedulerOptions& options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread (submission.cpp).
  std::variant<Ticket, Busy> submit(GenerateRequest request);
  std::variant<Ticket, Busy> submit(EmbedRequest request);
  std::optional<Busy> busy(const std::string& tenant, int64_t tokens);
  SchedulerStatistics statistics() const;
  bool idle() const { return open_jobs_ == 0; }
  SchedulerTime last_progress() const;
  bool drain(std::chrono::milliseconds grace);
  bool draining() const { return draining_; }
  const std::string& fingerprint() const { return fingerprint_; }

  /// One round: what came in, what must end, who may start, one step. False without a step.
  bool round();
  bool own_thread() const { return options_.own_thread; }

 private:
  struct Load {
    Run* run = nullptr;  // null when the run has ended meanwhile
    std::vector<PageKey> keys;
    std::vector<PagePool::PageId> pages;
    int64_t good = 0;
  };
  struct Part {
    Run* run = nullptr;
    int64_t rows = 0;
    bool decode = false;
  };
  /// A row of logits and who draws from it.
  struct Draw {
    Run* run = nullptr;
    std::span<const float> logits;
    ContinuationPiece piece = {};
    std::optional<Error> error = {};
  };

  SchedulerTime now() const { return options_.clock(); }
  std::unique_ptr<Job> new_job(GenerateRequest request) const;
  std::variant<Ticket, Busy> enqueue(std::unique_ptr<Job> job);
  // These three under the lock.
  std::chrono::milliseconds next_turn(int64_t tokens);
  std::optional<Busy> refusal(const std::string& tenant, int64_t tokens);
  void waits_no_more(const Job& job);

  // worker.cpp
  void loop();
  void take_inbox();
  void end_what_must();
  static std::optional<SchedulerTime> next_deadline(const Job& job);
  SchedulerTime next_look() const;
  void end_run(Run& run, FinishReason reason);
  void fail_runs(Job& job, const Error& error);
  void end_late(Job& job);
  void end_job(Job& job, FinishReason reason, const std::optional<Error>& error,
               std::optional<LateIn> late = {});
  void finish_run(Run& run);
  void release(Run& run);
  void close_if_done(Job& job);
  void publish();

  // admission.cpp
  void admit();
  Run* next_waiting();
  bool start(Run& run);
  void join_running(Run& run);
  bool start_loading(Run& run, int64_t first_page, int64_t pages);
  void loaded(Load& load);
  const PageKey& key_of(Run& run, int64_t page);
  int64_t usable_pages(const Run& run) const;
  int64_t append_cached(Run& run);
  void count_lookup(CacheTier tier, int64_t tokens);
  void count_cached(Run& run, int64_t pages, CacheTier tier);
  bool fits(const Run& run) const;
  Run* victim_for(const Run& run);
  void preempt(Run& run);
  void put_back(Run& run);
  void report_positions();

  // step.cpp
  std::vector<Part> plan();
  void add_decode(std::vector<Part>& parts);
  void add_prefill(std::vector<Part>& parts);
  void secure_pages(std::vector<Part>& parts);
  Run* page_victim();
  void execute(const std::vector<Part>& parts);
  void after_rows(const Part& part, const Tensor& hidden_td, int64_t first_row);
  void score_prompt(Run& run, const Tensor& hidden_td, int64_t first_row, int64_t begin,
                    int64_t end);
  void pool_hidden(Run& run, const Tensor& hidden_td, int64_t first_row, int64_t rows, bool first);
  void keep_filled_pages(Run& run);
  void fork_choices(Run& first);
  void draw(std::vector<Draw>& draws);
  void deliver(Draw& draw, SchedulerTime time);
  bool wants_hidden(const Run& run) const;
  int64_t pending(const Run& run) const;
  bool paused(Run& run);

  const Model model_;
  Engine& engine_;
  SchedulerOptions options_;
  std::string fingerprint_;

  // Shared.
  const std::shared_ptr<Doorbell> doorbell_ = std::make_shared<Doorbell>();
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Job>> submitted_;
  std::vector<Load*> loaded_;
  int64_t next_id_ = 1;
  struct Waiting {
    int64_t requests = 0, tokens = 0;
  };
  Waiting waiting_;                          // of all
  std::map<std::string, Waiting> waits_of_;  // of each tenant that has some
  int64_t refused_ = 0;
  SchedulerTime last_turn_{};  // when the last of those that were refused comes back
  double rows_per_second_ = 0;
  SchedulerStatistics published_;
  std::condition_variable quiet_;
  std::atomic<int64_t> open_jobs_{0};  // until the statistics without them are published
  std::atomic<bool> draining_{false}, abort_{false}, stop_{false};
  std::atomic<SchedulerTime::rep> last_progress_{0};

  // The worker's own.
  std::map<int64_t, std::unique_ptr<Job>> jobs_;
  FairShare tenants_;
  std::vector<Run*> running_;  // and loading, in order of priority among equals: who came first
  std::list<Load> loads_;
  StepBudget budget_;
  uint64_t step_number_ = 0;
  int64_t ended_jobs_ = 0;  // since the last publish()
  bool positions_changed_ = false;
  SchedulerStatistics counts_;
  std::unique_ptr<ExpertLoad> expert_load_;  // null: no observer, or no experts
  std::unique_ptr<DiskTier> disk_;
  std::unique_ptr<PrefixCache> cache_;
  std::thread thread_;
};

}  // namespace deepseek
