// SPDX-License-Identifier: Apache-2.0
// Admission, fairness, limits, back-pressure and ends.
#include <array>

#include "tests/engine/scheduler_support.h"

namespace deepseek {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::Bench;
using testing::random_tokens;
using testing::request_of;
using testing::Tokens;

class SchedulerTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Transformer> model_ = testing::tiny_model("llama");

  static GenerateRequest endless(const Tokens& prompt, int64_t tokens) {
    GenerateRequest request = request_of(prompt, tokens);
    request.ignore_end = true;
    return request;
  }
  static bool used(const Bench& bench) { return bench.scheduler->statistics().used_pages > 0; }
};

TEST_F(SchedulerTest, UsageAndTimingsAddUp) {
  Bench bench(model_);
  const Tokens prompt = random_tokens(200, 1);
  GenerateRequest request = endless(prompt, 10);
  request.report_progress = true;
  const Answer cold = bench.run(request), warm = bench.run(request);
  EXPECT_EQ(cold.finished->usage.prompt_tokens, 200);
  EXPECT_EQ(cold.finished->usage.cached_tokens, 0);
  EXPECT_EQ(warm.finished->usage.cached_tokens, 192);
  EXPECT_EQ(warm.finished->usage.completion_tokens, 10);
  EXPECT_EQ(warm.progress.back().processed, 200);
  EXPECT_EQ(warm.progress.back().cached, 192);
  EXPECT_EQ(warm.positions, (std::vector<int64_t>{}));
  const SchedulerStatistics s = bench.scheduler->statistics();
  EXPECT_EQ(s.prompt_tokens, 400);
  EXPECT_EQ(s.generation_tokens, 20);
  EXPECT_EQ(s.prefix_query_tokens, 400);
  EXPECT_EQ(s.prefix_memory_hit_tokens, 192);
  EXPECT_EQ(s.computed_tokens, 200 + 9 + 8 + 9);
  EXPECT_EQ(s.finished_choices[size_t(FinishReason::length)], 2);
  EXPECT_EQ(s.used_pages, 0);
  EXPECT_TRUE(bench.scheduler->idle());
}

TEST_F(SchedulerTest, AnotherSaltOrNoCacheFindsNothing) {
  Bench bench(model_);
  GenerateRequest request = request_of(random_tokens(200, 1), 2);
  bench.run(request);
  request.salt[0] = std::byte{1};
  EXPECT_EQ(bench.run(request).finished->usage.cached_tokens, 0);
  EXPECT_EQ(bench.run(request).finished->usage.cached_tokens, 192);
  request.use_cache = false;
  EXPECT_EQ(bench.run(request).finished->usage.cached_tokens, 0);
}

TEST_F(SchedulerTest, GeneratedPagesAreCachedToo) {
  Bench bench(model_);
  GenerateRequest request = endless(random_tokens(60, 1), 80);
  const Tokens answer = bench.run(request).tokens();
  request.prompt.insert(request.prompt.end(), answer.begin(), answer.end());
  request.prompt.push_back(3);
  EXPECT_EQ(bench.run(request).finished->usage.cached_tokens, 128);
}

TEST_F(SchedulerTest, PromptsThatBeginAlikeAtTheSameTimeAreComputedOnce) {
  SchedulerOptions options;
  options.max_prefill_rows = options.min_prefill_rows = 64;
  Bench bench(model_, 256, options);
  std::vector<Ticket> tickets;
  for (int32_t i = 0; i < 8; ++i) {
    GenerateRequest request = endless(random_tokens(256, 1), 1);
    request.prompt.push_back(i);
    tickets.push_back(bench.submit(request));
  }
  bench.finish(tickets);
  EXPECT_EQ(bench.scheduler->statistics().computed_tokens, 256 + 8);
}

TEST_F(SchedulerTest, CancellingFreesThePagesWithinOneStep) {
  Bench bench(model_);
  Ticket ticket = bench.submit(endless(random_tokens(100, 1), 1000));
  for (int i = 0; i < 5; ++i) bench.scheduler->step();
  EXPECT_TRUE(used(bench));
  ticket.cancel();
  bench.scheduler->step();
  EXPECT_FALSE(used(bench));
  Answer got;
  got.take(ticket);
  EXPECT_EQ(got.choices[0].end->reason, FinishReason::cancelled);
  EXPECT_EQ(got.finished->usage.completion_tokens, int64_t(got.tokens().size()));
  EXPECT_TRUE(ticket.ended());
  EXPECT_EQ(ticket.poll(), std::nullopt);
  { const Ticket dropped = bench.submit(endless(random_tokens(100, 1), 1000)); }
  bench.scheduler->step();
  EXPECT_TRUE(bench.scheduler->idle());
}

TEST_F(SchedulerTest, ASlowReaderPausesItsOwnRequestAlone) {
  SchedulerOptions options;
  options.buffer_tokens = 8;
  Bench bench(model_, 256, options);
  const GenerateRequest request = endless(random_tokens(20, 1), 100);
  Ticket slow = bench.submit(request), quick = bench.submit(request);
  Answer quick_answer, slow_answer;
  while (!quick_answer.finished) {
    ASSERT_TRUE(bench.scheduler->step());
    quick_answer.take(quick);
  }
  bench.time += 300s;
  EXPECT_FALSE(bench.scheduler->step()) << "nothing but the paused request is left";
  EXPECT_EQ(bench.scheduler->last_progress(), bench.time) << "nobody is stuck but the reader";
  int64_t unread = 0;
  for (; unread < 4; ++unread) slow_answer.take(*slow.poll());
  EXPECT_TRUE(bench.scheduler->step()) << "half of the buffer is free again";
  while (!slow_answer.finished) {
    slow_answer.take(slow);
    bench.scheduler->step();
  }
  EXPECT_EQ(slow_answer.tokens(), quick_answer.tokens());
}

TEST_F(SchedulerTest, AFullQueueAnswersBusyWithATime) {
  SchedulerOptions options;
  options.max_running = 1;
  options.max_waiting_requests = 2;
  Bench bench(model_, 256, options);
  std::vector<Ticket> tickets;
  tickets.push_back(bench.submit(endless(random_tokens(10, 1), 5)));
  bench.scheduler->step();
  for (int i = 0; i < 2; ++i) tickets.push_back(bench.submit(endless(random_tokens(10, 1), 5)));
  const auto refused = bench.scheduler->submit(endless(random_tokens(10, 1), 5));
  ASSERT_TRUE(std::holds_alternative<Busy>(refused));
  EXPECT_GT(std::get<Busy>(refused).retry_after.count(), 0);
  EXPECT_FALSE(std::get<Busy>(refused).draining);
  EXPECT_EQ(bench.scheduler->statistics().waiting_requests, 2);
  EXPECT_EQ(bench.scheduler->statistics().refused, 1);
  for (Answer& answer : bench.finish(tickets)) EXPECT_EQ(answer.tokens().size(), 5);
  EXPECT_EQ(bench.scheduler->statistics().waiting_tokens, 0);

  options.max_waiting_requests = 100;
  options.max_waiting_tokens = 300;
  Bench tokens(model_, 256, options);
  const Ticket running = tokens.submit(endless(random_tokens(10, 1), 5));
  tokens.scheduler->step();
  const Ticket waiting = tokens.submit(endless(random_tokens(250, 1), 5));
  EXPECT_TRUE(
      std::holds_alternative<Busy>(tokens.scheduler->submit(endless(random_tokens(250, 1), 5))));
}

TEST_F(SchedulerTest, NoTenantFillsTheQueueOfAll) {
  SchedulerOptions options;
  options.max_running = 1;
  options.max_waiting_requests = 24;
  Bench bench(model_, 256, options);
  const auto of = [](const char* tenant) {
    GenerateRequest request = endless(random_tokens(10, 1), 5);
    request.tenant = tenant;
    return request;
  };
  std::vector<Ticket> tickets;
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    auto answer = bench.scheduler->submit(of("heavy"));
    if (Ticket* const ticket = std::get_if<Ticket>(&answer))
      tickets.push_back(std::move(*ticket));
    else
      ++refused;
  }
  EXPECT_EQ(tickets.size(), 20U);
  EXPECT_EQ(refused, 20);
  EXPECT_TRUE(bench.scheduler->busy("heavy").has_value());
  EXPECT_FALSE(bench.scheduler->busy("light").has_value());
  auto light = bench.scheduler->submit(of("light"));
  ASSERT_TRUE(std::holds_alternative<Ticket>(light));
  tickets.push_back(std::move(std::get<Ticket>(light)));
  for (Answer& answer : bench.finish(tickets)) EXPECT_EQ(answer.tokens().size(), 5);
  EXPECT_FALSE(bench.scheduler->busy("heavy").has_value());
}

TEST_F(SchedulerTest, ThoseThatAreRefusedComeBackOneAfterTheOther) {
  SchedulerOptions options;
  options.max_running = 1;
  options.max_waiting_requests = 2;
  Bench bench(model_, 256, options);
  const std::array<Ticket, 2> tickets{bench.submit(endless(random_tokens(10, 1), 5)),
                                      bench.submit(endless(random_tokens(10, 1), 5))};
  std::chrono::milliseconds before{0};
  for (int i = 0; i < 20; ++i) {
    const auto refused = bench.scheduler->submit(endless(random_tokens(10, 1), 5));
    ASSERT_TRUE(std::holds_alternative<Busy>(refused));
    const std::chrono::milliseconds after = std::get<Busy>(refused).retry_after;
    EXPECT_GT(after, before);
    before = after;
  }
}

TEST_F(SchedulerTest, ALightTenantIsNotHeldUpByAHeavyOne) {
  SchedulerOptions options;
  options.max_running = 4;
  Bench bench(model_, 256, options);
  std::vector<Ticket> heavy;
  for (uint64_t i = 0; i < 20; ++i) {
    GenerateRequest request = endless(random_tokens(64, i), 200);
    request.tenant = "heavy";
    heavy.push_back(bench.submit(request));
  }
  for (int i = 0; i < 60; ++i) bench.scheduler->step();
  GenerateRequest request = endless(random_tokens(64, 100), 10);
  request.tenant = "light";
  Ticket light = bench.submit(request);
  Answer answer;
  int steps = 0;
  while (!answer.finished) {
    bench.scheduler->step();
    answer.take(light);
    ++steps;
  }
  // A quantum of 64 tokens of four sequences, its prompt, its ten tokens.
  EXPECT_LE(steps, 16 + 1 + 10);
  for (Answer& each : bench.finish(heavy)) EXPECT_EQ(each.tokens().size(), 200);
}

TEST_F(SchedulerTest, TenantsShareByWeight) {
  SchedulerOptions options;
  options.max_running = 4;
  Bench bench(model_, 256, options);
  std::vector<Ticket> tickets;
  for (uint64_t i = 0; i < 24; ++i) {
    GenerateRequest request = endless(random_tokens(4, i), 60);
    request.tenant = i % 2 == 0 ? "one" : "three";
    request.weight = i % 2 == 0 ? 1 : 3;
    tickets.push_back(bench.submit(request));
  }
  std::vector<Answer> answers(24);
  size_t done = 0;
  std::array<int64_t, 2> tokens{};
  while (done < 12 && bench.scheduler->step()) {
    done = 0;
    tokens = {};
    for (size_t i = 0; i < 24; ++i) {
      answers[i].take(tickets[i]);
      tokens[i % 2] += int64_t(answers[i].tokens().size());
      done += answers[i].finished ? 1 : 0;
    }
  }
  const double share = double(tokens[1]) / double(tokens[0] + tokens[1]);
  EXPECT_GT(share, 0.65);
  EXPECT_LT(share, 0.85);
}

TEST_F(SchedulerTest, BatchWorkYieldsAndDoesNotStarve) {
  SchedulerOptions options;
  options.max_running = 2;
  options.batch_patience = 60s;
  Bench bench(model_, 256, options);
  std::vector<Ticket> batch;
  for (int i = 0; i < 3; ++i) {
    GenerateRequest request = endless(random_tokens(10, 1), 100);
    request.request_class = RequestClass::batch;
    batch.push_back(bench.submit(request));
  }
  for (int i = 0; i < 3; ++i) bench.scheduler->step();
  EXPECT_EQ(bench.scheduler->statistics().running_sequences, 2);
  std::vector<Ticket> interactive;
  interactive.reserve(3);
  for (int i = 0; i < 3; ++i) interactive.push_back(bench.submit(endless(random_tokens(10, 2), 5)));
  bench.scheduler->step();
  EXPECT_EQ(bench.scheduler->statistics().preemptions, 2) << "both places at once";
  Answer last;
  while (!last.finished) {
    bench.scheduler->step();
    last.take(interactive[2]);
  }
  Answer waiting;
  waiting.take(batch[2]);
  EXPECT_TRUE(waiting.tokens().empty());
  // Under a stream of interactive work that takes both places, patience ends it.
  std::vector<Ticket> more;
  more.reserve(4);
  for (int i = 0; i < 4; ++i) more.push_back(bench.submit(endless(random_tokens(10, 2), 50)));
  bench.scheduler->step();
  bench.time += 61s;
  std::vector<Answer> got = bench.finish(batch);
  for (Answer& answer : got) EXPECT_EQ(answer.tokens().size(), 100);
}

TEST_F(SchedulerTest, DeadlinesEndARequestWithWhatThereIs) {
  SchedulerOptions options;
  options.max_running = 1;
  Bench bench(model_, 256, options);
  GenerateRequest request = endless(random_tokens(10, 1), 1000);
  request.total_deadline = 5s;
  Ticket running = bench.submit(request);
  for (int i = 0; i < 4; ++i) bench.scheduler->step();
  request.total_deadline = 0s;
  request.queue_deadline = 1s;
  Ticket waiting = bench.submit(request);
  bench.scheduler->step();
  bench.time += 2s;
  bench.scheduler->step();
  Answer answer;
  answer.take(waiting);
  EXPECT_EQ(answer.choices[0].end->reason, FinishReason::timeout);
  EXPECT_EQ(answer.finished->error->kind(), ErrorKind::busy);
  bench.time += 3s;
  bench.scheduler->step();
  Answer cut;
  cut.take(running);
  EXPECT_EQ(cut.choices[0].end->reason, FinishReason::timeout);
  EXPECT_EQ(cut.tokens().size(), 6);
  EXPECT_EQ(cut.finished->usage.completion_tokens, 6);
  EXPECT_EQ(cut.finished->timings.total_ms, 5000);
  EXPECT_TRUE(bench.scheduler->idle());

  request.queue_deadline = 0s;
  request.first_token_deadline = 1s;
  request.total_deadline = 0s;
  Ticket begun = bench.submit(request);
  bench.scheduler->step();
  bench.time += 10s;
  EXPECT_TRUE(bench.scheduler->step()) << "it has its first token";
  begun.cancel();
  bench.scheduler->step();
}

TEST_F(SchedulerTest, DrainingRefusesAndFinishesOrEnds) {
  Bench bench(model_);
  Ticket short_one = bench.submit(endless(random_tokens(10, 1), 5));
  EXPECT_TRUE(bench.scheduler->drain(1s));
  Answer answer;
  answer.take(short_one);
  EXPECT_EQ(answer.tokens().size(), 5);
  const auto refused = bench.scheduler->submit(request_of({1}, 1));
  EXPECT_TRUE(std::get<Busy>(refused).draining);

  Bench other(model_);
  Ticket long_one = other.submit(endless(random_tokens(10, 1), 1000));
  other.scheduler->step();
  EXPECT_FALSE(other.scheduler->drain(0s));
  Answer cut;
  cut.take(long_one);
  EXPECT_EQ(cut.choices[0].end->reason, FinishReason::error);
  EXPECT_TRUE(cut.finished->error.has_value());
  EXPECT_TRUE(other.scheduler->idle());
}

TEST_F(SchedulerTest, LastProgressIsThatOfSteps) {
  Bench bench(model_);
  const auto begin = bench.time;
  Ticket ticket = bench.submit(endless(random_tokens(10, 1), 100));
  bench.time += 1s;
  EXPECT_EQ(bench.scheduler->last_progress(), begin);
  bench.scheduler->step();
  EXPECT_EQ(bench.scheduler->last_progress(), begin + 1s);
}

TEST_F(SchedulerTest, RefusesWhatCannotBeRun) {
  Bench bench(model_, 4);
  const auto refused = [&](const std::function<void(GenerateRequest&)>& change, const char* field) {
    GenerateRequest request = request_of(random_tokens(10, 1), 5);
    change(request);
    try {
      bench.scheduler->submit(std::move(request));
      ADD_FAILURE() << field;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
    }
  };
  refused([](auto& r) { r.prompt.clear(); }, "prompt");
  refused([](auto& r) { r.prompt[3] = 301; }, "prompt");
  refused([](auto& r) { r.prompt = random_tokens(257, 1); }, "257");
  refused([](auto& r) { r.max_tokens = 247; }, "256");
  refused([](auto& r) { r.choices.clear(); }, "n:");
  refused([](auto& r) { r.choices.resize(129); }, "n:");
  refused([](auto& r) { r.choices[0].sample.temperature = -1; }, "temperature");
  refused([](auto& r) { r.stop = {""}; }, "stop");
  refused([](auto& r) { r.stop = {std::string(4097, 'x')}; }, "stop: expected strings of at most");
  refused([](auto& r) { r.min_tokens = 6; }, "min_tokens");
  refused([](auto& r) { r.stop_tokens = {-1}; }, "stop_token_ids");
  refused([](auto& r) { r.weight = 0; }, "weight");
  refused([](auto& r) { r.top_logprobs = -1; }, "top_logprobs");
  EXPECT_TRUE(bench.scheduler->idle());
  SchedulerOptions options;
  options.max_running = 0;
  EXPECT_THROW(Bench(model_, 4, options), Error);
}

TEST_F(SchedulerTest, ACallbackSaysWhenThereIsSomethingToRead) {
  Bench bench(model_);
  Ticket ticket = bench.submit(endless(random_tokens(10, 1), 3));
  int calls = 0;
  ticket.on_ready([&] { ++calls; });
  Answer answer;
  while (bench.scheduler->step()) {
    EXPECT_GT(calls, 0);
    calls = 0;
    answer.take(ticket);
  }
  EXPECT_TRUE(answer.finished);
  ticket.on_ready([&] { ++calls; });
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace deepseek
