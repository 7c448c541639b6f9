// SPDX-License-Identifier: Apache-2.0
// What a request is answered depends on the request alone.
#include "tests/engine/scheduler_support.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

using testing::Answer;
using testing::Bench;
using testing::random_tokens;
using testing::Tokens;

struct Case {
  const char* family;
  Format format;
};

/// Requests of all kinds: short and long prompts, some that begin alike, several ways to sample.
std::vector<GenerateRequest> crowd(int64_t count) {
  std::vector<GenerateRequest> requests;
  const Tokens shared = random_tokens(130, 99);
  for (int64_t i = 0; i < count; ++i) {
    Tokens prompt = random_tokens(1 + (i * 37) % 110, uint64_t(i));
    if (i % 3 == 0) prompt.insert(prompt.begin(), shared.begin(), shared.end());
    GenerateRequest request = testing::request_of(prompt, 3 + i % 13, uint64_t(i / 2));
    SampleOptions& sample = request.choices[0].sample;
    if (i % 4 == 1) sample.temperature = 0;
    if (i % 4 == 2) sample.top_p = 0.9, sample.temperature = 0.7;
    if (i % 4 == 3) sample.repetition_penalty = 1.2, sample.top_k = 40;
    request.tenant = i % 5 == 0 ? "a" : "b";
    request.request_class = i % 7 == 0 ? RequestClass::batch : RequestClass::interactive;
    requests.push_back(std::move(request));
  }
  return requests;
}

class SameBytes : public ::testing::TestWithParam<Case> {
 protected:
  SameBytes() : model_(testing::tiny_model(GetParam().family, GetParam().format)) {
    // Once a model: the plain loop is slow.
    static std::map<std::pair<std::string, Format>, std::vector<Tokens>> known;
    std::vector<Tokens>& want = known[{GetParam().family, GetParam().format}];
    if (want.empty())
      for (const GenerateRequest& request : crowd(count))
        want.push_back(testing::plain_answer(model_, request.prompt, request.choices[0].sample,
                                             request.max_tokens));
    want_ = want;
  }

  std::vector<Answer> answers(Bench& bench) {
    std::vector<Ticket> tickets;
    for (GenerateRequest& request : crowd(count)) tickets.push_back(bench.submit(request));
    return bench.finish(tickets);
  }
  void expect_all(std::vector<Answer> got, const char* how) {
    for (size_t i = 0; i < want_.size(); ++i)
      EXPECT_EQ(got[i].tokens(), want_[i]) << how << ", request " << i;
  }

  static constexpr int64_t count = 32;
  std::shared_ptr<const Transformer> model_;
  std::vector<Tokens> want_;
};

TEST_P(SameBytes, AloneAndBesideThirtyOneOthersColdAndFromTheCache) {
  Bench bench(model_, 512);
  expect_all(answers(bench), "in a crowd, cold");
  const int64_t hits = bench.scheduler->statistics().prefix_memory_hit_tokens;
  expect_all(answers(bench), "in a crowd, cached");
  EXPECT_GT(bench.scheduler->statistics().prefix_memory_hit_tokens, hits);
  const std::vector<GenerateRequest> requests = crowd(count);
  for (size_t i = 0; i < requests.size(); i += 11)
    EXPECT_EQ(bench.run(requests[i]).tokens(), want_[i]) << "alone, cached, request " << i;
  EXPECT_EQ(bench.scheduler->statistics().preemptions, 0);
}

TEST_P(SameBytes, InChunksOfEverySize) {
  for (const int64_t rows : {7, 100}) {
    SchedulerOptions options;
    options.min_prefill_rows = options.max_prefill_rows = rows;
    options.max_running = 6;
    Bench bench(model_, 512, options);
    expect_all(answers(bench), "small steps");
  }
}

TEST_P(SameBytes, AfterPreemptionForPages) {
  // The longest needs five pages; the crowd would need ninety.
  for (const bool cache : {true, false}) {
    SchedulerOptions options;
    options.prefix_cache = cache;
    Bench bench(model_, 12, options);
    expect_all(answers(bench), "few pages");
    EXPECT_EQ(bench.engine().pool().free_pages() + bench.engine().pool().reclaimable_pages(), 12);
  }
}

TEST_P(SameBytes, AfterARestartFromDisk) {
  const testing::TemporaryFolder folder;
  SchedulerOptions options;
  options.disk = DiskTierOptions{folder.path(), 256 << 20};
  { expect_all(answers(*std::make_unique<Bench>(model_, 512, options)), "first"); }
  Bench bench(model_, 512, options);
  expect_all(answers(bench), "restarted");
  EXPECT_GT(bench.scheduler->statistics().prefix_disk_hit_tokens, 500);
}

TEST_P(SameBytes, SeveralChoicesAreWhatEachWouldBeAlone) {
  for (const int64_t slots : {32, 3}) {
    SchedulerOptions options;
    options.max_running = slots;
    Bench bench(model_, 64, options);
    const Tokens prompt = random_tokens(100, 5);
    GenerateRequest request = testing::request_of(prompt, 40, 11);
    request.ignore_end = true;
    request.choices.resize(6);
    for (size_t c = 0; c < 6; ++c) {
      request.choices[c].sample.seed = 11;
      request.choices[c].sample.choice = c;
    }
    Answer got = bench.run(request);
    for (size_t c = 0; c < 6; ++c)
      EXPECT_EQ(got.tokens(c),
                testing::plain_answer(model_, prompt, request.choices[c].sample, 40, std::nullopt))
          << "choice " << c << " of " << slots << " slots";
    EXPECT_NE(got.tokens(0), got.tokens(1));
    EXPECT_EQ(got.finished->usage.completion_tokens, 6 * 40);
    EXPECT_EQ(got.finished->usage.prompt_tokens, 100);
  }
}

INSTANTIATE_TEST_SUITE_P(All, SameBytes,
                         ::testing::Values(Case{"llama", Format::f32}, Case{"llama", Format::q4_1},
                                           Case{"deepseek_v3", Format::q8_0}),
                         [](const auto& info) {
                           return std::string(info.param.family) + "_" +
                                  std::string(format_info(info.param.format).name);
                         });

TEST(SchedulerPreemption, LosesNothingOfWhatWasStreamed) {
  const auto model = testing::tiny_model("llama");
  Bench bench(model, 8);
  std::vector<Ticket> tickets;
  std::vector<GenerateRequest> requests;
  for (uint64_t i = 0; i < 4; ++i) {
    requests.push_back(testing::request_of(random_tokens(60, i), 150, i));
    requests.back().ignore_end = true;
    tickets.push_back(bench.submit(requests.back()));
  }
  std::vector<Answer> got = bench.finish(tickets);
  int64_t preempted = 0;
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(got[i].tokens(),
              testing::plain_answer(model, requests[i].prompt, requests[i].choices[0].sample, 150,
                                    std::nullopt));
    EXPECT_EQ(got[i].choices[0].end->reason, FinishReason::length);
    preempted += got[i].finished->timings.preemptions;
  }
  EXPECT_GT(preempted, 0);
  EXPECT_EQ(got[0].finished->timings.preemptions, 0) << "who came first never gives way";
  EXPECT_EQ(bench.scheduler->statistics().preemptions, preempted);
}

}  // namespace
}  // namespace deepseek
