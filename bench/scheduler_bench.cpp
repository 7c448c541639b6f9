// SPDX-License-Identifier: Apache-2.0
// Continuous batching on a real model: bench_scheduler MODEL [--prompt N] [--tokens N] [--streams
// 1,4,16] [--threads N] [--cpu-clock] [--disk FOLDER]. Streams start together with prompts of their
// own; prints tokens a second over all of them, the worst time to a first token, and what a step
// costs outside the model.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>

#include "core/random.h"
#include "core/thread_pool.h"
#include "engine/scheduler/scheduler.h"
#include "engine/text_model.h"
#include "formats/model_location.h"

namespace deepseek {
namespace {

struct Settings {
  std::string model;
  int64_t prompt = 128, tokens = 64;
  std::vector<int64_t> streams{1, 4, 16};
  double temperature = 0;
  int threads = 0;
  bool cpu_clock = false;
  std::string disk;
};

/// Of the whole process.
double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

GenerateRequest request_of(const Settings& settings, uint64_t seed, int64_t vocab) {
  GenerateRequest request;
  const CounterRandom random(seed, 1);
  for (int64_t i = 0; i < settings.prompt; ++i)
    request.prompt.push_back(int32_t(random.uniform(uint64_t(i)) * double(vocab)));
  request.max_tokens = settings.tokens;
  request.ignore_end = true;
  request.choices[0].sample.temperature = settings.temperature;
  request.choices[0].sample.seed = seed;
  return request;
}

/// What one round of streams took.
struct Round {
  double seconds = 0, cpu_seconds = 0, worst_first_ms = 0, worst_gap_ms = 0;
};

Round run_round(Scheduler& scheduler, const Settings& settings, int64_t streams, uint64_t seed,
                int64_t vocab) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu_begin = cpu_seconds();
  std::vector<Ticket> tickets;
  for (int64_t i = 0; i < streams; ++i) {
    auto submitted = scheduler.submit(request_of(settings, seed + uint64_t(i), vocab));
    if (!std::holds_alternative<Ticket>(submitted))
      fail(ErrorKind::busy, "bench: the scheduler did not take a request");
    tickets.push_back(std::get<Ticket>(std::move(submitted)));
  }
  Round round;
  for (Ticket& ticket : tickets)
    while (const auto event = ticket.next())
      if (const auto* end = std::get_if<Finished>(&*event)) {
        if (end->error) throw *end->error;
        round.worst_first_ms = std::max(round.worst_first_ms, end->timings.first_token_ms);
        round.worst_gap_ms =
            std::max(round.worst_gap_ms, end->timings.decode_ms / double(settings.tokens - 1));
      }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  round.seconds = took.count();
  round.cpu_seconds = cpu_seconds() - cpu_begin;
  return round;
}

void run(const Settings& settings) {
  TextModelOptions options;
  options.cache_bytes = int64_t{2} << 30;
  TextModel model(locate_model(settings.model).path, options);
  SchedulerOptions how;
  // On a machine that is busy otherwise, CPU time says what wall time does not.
  if (settings.cpu_clock)
    how.clock = [] {
      return std::chrono::steady_clock::time_point(
          std::chrono::nanoseconds(int64_t(1e9 * cpu_seconds())));
    };
  if (!settings.disk.empty()) how.disk = DiskTierOptions{settings.disk};
  how.notice = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  const int64_t vocab = model.config().vocab_size;
  uint64_t seed = 1;
  if (settings.threads > 0) set_compute_threads(settings.threads);
  std::printf("%8s %10s %14s %14s %14s %10s\n", "streams", "tokens/s", "tokens/CPU s",
              "worst TTFT ms", "ms per token", "outside %");
  for (const int64_t streams : settings.streams) {
    Scheduler scheduler(model, how);
    run_round(scheduler, settings, 1, seed += 1000, vocab);  // touches what is touched first
    const SchedulerStatistics before = scheduler.statistics();
    const Round round = run_round(scheduler, settings, streams, seed += 1000, vocab);
    const SchedulerStatistics after = scheduler.statistics();
    const double step = after.step_seconds - before.step_seconds;
    const double outside = step - (after.model_seconds - before.model_seconds);
    std::printf("%8ld %10.1f %14.1f %14.1f %14.2f %10.2f\n", long(streams),
                double(streams * settings.tokens) / round.seconds,
                double(streams * settings.tokens) / round.cpu_seconds, round.worst_first_ms,
                round.worst_gap_ms, 100 * outside / step);
    std::fflush(stdout);
  }
  if (settings.disk.empty()) return;
  // The same prompt computed, from memory, and by a new scheduler from disk.
  Settings one = settings;
  one.tokens = 2;
  for (int again = 0; again < 2; ++again) {
    Scheduler scheduler(model, how);
    const double first = run_round(scheduler, one, 1, 7, vocab).worst_first_ms;
    const double second = run_round(scheduler, one, 1, 7, vocab).worst_first_ms;
    const SchedulerStatistics s = scheduler.statistics();
    std::printf("prompt of %ld: first %.1f ms, from memory %.1f ms (%ld tokens came from disk)\n",
                long(one.prompt), first, second, long(s.prefix_disk_hit_tokens));
  }
}

}  // namespace
}  // namespace deepseek

int main(int argc, char** argv) {
  deepseek::Settings settings;
  CLI::App app("continuous batching on a real model");
  app.add_option("model", settings.model)->required();
  app.add_option("--prompt", settings.prompt);
  app.add_option("--tokens", settings.tokens)->check(CLI::Range(2, 1 << 20));
  app.add_option("--streams", settings.streams)->delimiter(',');
  app.add_option("--temperature", settings.temperature);
  app.add_option("--threads", settings.threads);
  app.add_flag("--cpu-clock", settings.cpu_clock, "time steps in CPU seconds");
  app.add_option("--disk", settings.disk);
  CLI11_PARSE(app, argc, argv);
  try {
    deepseek::run(settings);
  } catch (const deepseek::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return deepseek::exit_code(error.kind());
  }
}
