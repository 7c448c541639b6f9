// SPDX-License-Identifier: Apache-2.0
// What deadlines count from, where they find a request, and what those who wait are told.
#include "tests/engine/scheduler_support.h"

namespace deepseek {
namespace {

using namespace testing;

class SchedulerDeadlines : public ::testing::Test {
 protected:
  SchedulerDeadlines() {
    options.max_running = 1;
    options.max_prefill_rows = options.min_prefill_rows = 32;
  }

  static GenerateRequest endless(int64_t prompt, int64_t tokens = 1000) {
    GenerateRequest request = request_of(random_tokens(prompt, 1), tokens);
    request.ignore_end = true;
    return request;
  }
  static std::optional<LateIn> late(Ticket& ticket) {
    Answer answer;
    answer.take(ticket);
    return answer.finished ? answer.finished->late : std::nullopt;
  }

  SchedulerOptions options;
};

TEST_F(SchedulerDeadlines, SayHowFarTheRequestWas) {
  Bench bench(tiny_model("llama"), 256, options);
  GenerateRequest request = endless(10);
  request.total_deadline = 5s;
  Ticket answered = bench.submit(request);
  for (int i = 0; i < 4; ++i) bench.scheduler->step();
  Ticket waiting = bench.submit(request);
  bench.time += 5s;
  bench.scheduler->step();
  EXPECT_EQ(late(answered), LateIn::answer);
  EXPECT_EQ(late(waiting), LateIn::queue) << "whichever deadline it was";

  request = endless(100);
  request.first_token_deadline = 5s;
  Ticket begun = bench.submit(request);
  bench.scheduler->step();
  bench.time += 5s;
  bench.scheduler->step();
  EXPECT_EQ(late(begun), LateIn::prompt);
  EXPECT_TRUE(bench.scheduler->idle());
}

TEST_F(SchedulerDeadlines, OfBatchWorkCountFromItsBeginning) {
  Bench bench(tiny_model("llama"), 256, options);
  Ticket first = bench.submit(endless(10));
  bench.scheduler->step();
  GenerateRequest request = endless(100);
  request.request_class = RequestClass::batch;
  request.first_token_deadline = 5s;
  request.total_deadline = 20s;
  Ticket batch = bench.submit(request);
  bench.scheduler->step();
  bench.time += 1h;
  bench.scheduler->step();
  EXPECT_FALSE(batch.poll()) << "it waits as long as it takes";
  first.cancel();
  bench.scheduler->step();
  bench.time += 4s;
  for (int i = 0; i < 4; ++i) bench.scheduler->step();
  bench.time += 15s;
  bench.scheduler->step();
  EXPECT_EQ(late(batch), std::nullopt);
  bench.time += 1s;
  bench.scheduler->step();
  EXPECT_EQ(late(batch), LateIn::answer);

  EmbedRequest embed;
  embed.tokens = random_tokens(100, 1);
  embed.queue_deadline = 1s;
  Ticket running = bench.submit(endless(10));
  bench.scheduler->step();
  Ticket vector = bench.submit(embed);
  bench.time += 1s;
  bench.scheduler->step();
  EXPECT_EQ(late(vector), LateIn::queue);
}

TEST_F(SchedulerDeadlines, WhoWaitsIsToldWhenOneBeforeLeaves) {
  Bench bench(tiny_model("llama"), 256, options);
  Ticket running = bench.submit(endless(10));
  bench.scheduler->step();
  GenerateRequest request = endless(10);
  request.report_progress = true;
  std::vector<Ticket> waiting;
  waiting.reserve(3);
  for (int i = 0; i < 3; ++i) waiting.push_back(bench.submit(request));
  const auto positions = [&](size_t i) {
    bench.scheduler->step();
    Answer answer;
    answer.take(waiting[i]);
    return answer.positions;
  };
  using Positions = std::vector<int64_t>;
  EXPECT_EQ(positions(0), Positions{0});
  EXPECT_EQ(positions(1), Positions{1});
  EXPECT_EQ(positions(2), Positions{2});
  waiting[0].cancel();
  EXPECT_EQ(positions(2), Positions{1}) << "who waited gave up";
  running.cancel();
  EXPECT_EQ(positions(2), Positions{0}) << "the next one's turn came";
  EXPECT_EQ(positions(1), Positions{0}) << "what it was told before its turn";
}

}  // namespace
}  // namespace deepseek
