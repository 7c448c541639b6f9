// SPDX-License-Identifier: Apache-2.0
// Many clients at once, with the scheduler's own thread: made to be run under ThreadSanitizer too.
#include <atomic>
#include <thread>

#include "tests/engine/scheduler_support.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::random_tokens;
using testing::request_of;
using testing::Tokens;

TEST(SchedulerThreads, ManyClientsReadCancelAndLeave) {
  const auto model = testing::tiny_model("llama");
  const testing::TemporaryFolder folder;
  const auto engine = testing::engine_of(model, 24);
  const Tokenizer tokenizer = testing::tiny_tokenizer();
  SchedulerOptions options;
  options.max_running = 6;
  options.buffer_tokens = 4;
  options.disk = DiskTierOptions{folder.path(), 16 << 20};
  Scheduler scheduler({.engine = engine.get(),
                       .tokenizer = &tokenizer,
                       .end_tokens = {},
                       .context_length = 1024,
                       .fingerprint = "tiny"},
                      options);
  std::vector<Tokens> want;
  want.reserve(3);
  for (uint64_t i = 0; i < 3; ++i)
    want.push_back(
        testing::plain_answer(model, random_tokens(150, i), testing::seeded(i), 12, std::nullopt));
  std::atomic<bool> stop{false};
  std::thread watcher([&] {
    while (!stop) {
      const SchedulerStatistics s = scheduler.statistics();
      EXPECT_LE(s.used_pages, s.total_pages);
      scheduler.last_progress();
      scheduler.idle();
      std::this_thread::sleep_for(1ms);
    }
  });
  std::vector<std::thread> clients;
  clients.reserve(6);
  for (uint64_t c = 0; c < 6; ++c)
    clients.emplace_back([&, c] {
      for (uint64_t i = 0; i < 6; ++i) {
        const uint64_t which = (c + i) % 3;
        GenerateRequest request = request_of(random_tokens(150, which), 12, which);
        request.tenant = std::to_string(c % 3);
        auto submitted = scheduler.submit(request);
        ASSERT_TRUE(std::holds_alternative<Ticket>(submitted));
        Ticket ticket = std::get<Ticket>(std::move(submitted));
        if ((c + i) % 5 == 4) {
          ticket.next_for(1ms);
          continue;  // leaves
        }
        if ((c + i) % 5 == 3) ticket.cancel();
        std::atomic<int> rang{0};
        if (i % 2 == 0) ticket.on_ready([&] { ++rang; });
        Answer answer;
        while (auto event = ticket.next()) answer.take(*event);
        EXPECT_TRUE(ticket.ended());
        if (answer.choices[0].end->reason == FinishReason::length)
          EXPECT_EQ(answer.tokens(), want[which]);
        else
          EXPECT_EQ(answer.choices[0].end->reason, FinishReason::cancelled);
        ticket.on_ready({});
      }
    });
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(scheduler.drain(120s));
  stop = true;
  watcher.join();
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.statistics().used_pages, 0);
}

TEST(SchedulerThreads, AnIdleSchedulerWakesAndDeadlinesPassWhileNothingRuns) {
  const auto model = testing::tiny_model("llama");
  const auto engine = testing::engine_of(model, 8);
  SchedulerOptions options;
  options.max_running = 1;
  options.buffer_tokens = 2;
  Scheduler scheduler({.engine = engine.get(), .context_length = 512, .fingerprint = "tiny"},
                      options);
  GenerateRequest request = request_of(random_tokens(10, 1), 100);
  Ticket unread = std::get<Ticket>(scheduler.submit(request));
  request.queue_deadline = 20ms;
  Ticket waiting = std::get<Ticket>(scheduler.submit(request));
  Answer answer;
  while (auto event = waiting.next()) answer.take(*event);
  EXPECT_EQ(answer.choices[0].end->reason, FinishReason::timeout);
  Answer read;
  while (auto event = unread.next()) read.take(*event);
  EXPECT_EQ(read.tokens().size(), 100u);
  EXPECT_THROW(scheduler.step(), Error);
}

TEST(SchedulerThreads, ATicketOutlivesTheScheduler) {
  const auto model = testing::tiny_model("llama");
  const auto engine = testing::engine_of(model, 8);
  SchedulerOptions options;
  options.buffer_tokens = 4;  // unread, it cannot come to its end by itself
  auto scheduler = std::make_unique<Scheduler>(
      Scheduler::Model{.engine = engine.get(), .context_length = 512, .fingerprint = "tiny"},
      options);
  Ticket ticket = std::get<Ticket>(scheduler->submit(request_of(random_tokens(10, 1), 400)));
  scheduler.reset();
  Answer answer;
  while (auto event = ticket.next()) answer.take(*event);
  EXPECT_EQ(answer.choices[0].end->reason, FinishReason::cancelled);
  ticket.cancel();
  EXPECT_EQ(engine->pool().free_pages(), 8);
}

}  // namespace
}  // namespace deepseek
