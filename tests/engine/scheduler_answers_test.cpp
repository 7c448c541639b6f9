// SPDX-License-Identifier: Apache-2.0
// What answers carry: log-probabilities, embeddings, text, bounds on what is drawn.
#include <cmath>

#include "tests/engine/scheduler_support.h"

namespace deepseek {
namespace {

using testing::Answer;
using testing::Bench;
using testing::random_tokens;
using testing::request_of;
using testing::Tokens;

class SchedulerAnswers : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<const Transformer> model_ = testing::tiny_model(GetParam(), Format::f32);

  /// Logits of every token in one step.
  Tensor all_logits(const Tokens& tokens) const {
    Engine engine(model_, {.cache_bytes = 64 << 20});
    return engine.step(std::vector<StepSpan>{{engine.add(), tokens, StepSpan::Logits::all}})
        ->logits;
  }
};

TEST_P(SchedulerAnswers, EchoedPromptsAreScoredExactly) {
  const Tokens prompt = random_tokens(150, 1);
  const Tensor logits = all_logits(prompt);
  for (const int64_t rows : {512, 48}) {
    SchedulerOptions options;
    options.min_prefill_rows = options.max_prefill_rows = rows;
    Bench bench(model_, 64, options);
    GenerateRequest request = request_of(prompt, 1);
    bench.run(request);  // leaves pages that scoring must not be content with
    request.prompt_logprobs = request.logprobs = true;
    request.top_prompt_logprobs = 3;
    request.ignore_end = true;
    for (const int64_t max_tokens : {1, 0}) {
      request.max_tokens = max_tokens;
      const Answer got = bench.run(request);
      ASSERT_EQ(got.prompt_logprobs.size(), 150u);
      EXPECT_FALSE(got.prompt_logprobs[0].has_value());
      for (size_t i = 1; i < 150; ++i) {
        const Logprobs want =
            log_probabilities(logits.values().subspan((i - 1) * 301, 301), prompt[i], 3);
        EXPECT_EQ(got.prompt_logprobs[i]->chosen.token, prompt[i]);
        EXPECT_EQ(got.prompt_logprobs[i]->chosen.logprob, want.chosen.logprob);
        ASSERT_EQ(got.prompt_logprobs[i]->best.size(), 3u);
        EXPECT_EQ(got.prompt_logprobs[i]->best[2].token, want.best[2].token);
      }
      EXPECT_EQ(got.finished->usage.completion_tokens, max_tokens);
      EXPECT_EQ(got.choices.at(0).end->reason, FinishReason::length);
      EXPECT_EQ(got.choices.at(0).logprobs.size(), size_t(max_tokens));
    }
  }
}

TEST_P(SchedulerAnswers, ScoringSurvivesPreemption) {
  const Tokens prompt = random_tokens(300, 1);
  const Tensor logits = all_logits(prompt);
  SchedulerOptions options;
  options.min_prefill_rows = options.max_prefill_rows = 40;
  options.max_running = 1;
  Bench bench(model_, 64, options);
  GenerateRequest request = request_of(prompt, 0);
  request.prompt_logprobs = true;
  request.request_class = RequestClass::batch;
  Ticket scored = bench.submit(request);
  for (int i = 0; i < 4; ++i) bench.scheduler->step();
  std::vector<Ticket> tickets;
  tickets.push_back(bench.submit(request_of(random_tokens(5, 2), 3)));
  bench.finish(tickets);
  Answer got;
  while (!got.finished) {
    got.take(scored);
    bench.scheduler->step();
  }
  EXPECT_EQ(got.finished->timings.preemptions, 1);
  ASSERT_EQ(got.prompt_logprobs.size(), 300u);
  for (size_t i = 1; i < 300; ++i)
    EXPECT_EQ(got.prompt_logprobs[i]->chosen.logprob,
              log_probabilities(logits.values().subspan((i - 1) * 301, 301), prompt[i], 0)
                  .chosen.logprob);
}

TEST_P(SchedulerAnswers, EmbeddingsDoNotDependOnChunksOrNeighbours) {
  const Tokens tokens = random_tokens(100, 1);
  for (const auto pooling : {EmbedRequest::Pooling::mean, EmbedRequest::Pooling::last}) {
    Engine engine(model_, {.cache_bytes = 64 << 20});
    Tensor hidden;
    engine.step(std::vector<StepSpan>{{engine.add(), tokens, StepSpan::Logits::none}}, nullptr,
                &hidden);
    const Tensor normed = model_->norm(hidden);
    const int64_t width = normed.dim(1);
    std::vector<float> want;
    for (int64_t i = 0; i < width; ++i) {
      double sum = 0;
      for (int64_t t = 0; t < 100; ++t) sum += double(normed.data()[t * width + i]);
      want.push_back(pooling == EmbedRequest::Pooling::mean ? float(sum / 100)
                                                            : normed.data()[99 * width + i]);
    }
    for (const int64_t rows : {512, 33}) {
      SchedulerOptions options;
      options.min_prefill_rows = options.max_prefill_rows = rows;
      Bench bench(model_, 64, options);
      std::vector<Ticket> tickets;
      tickets.push_back(bench.submit(request_of(random_tokens(30, 2), 5)));
      EmbedRequest request;
      request.tokens = tokens;
      request.pooling = pooling;
      tickets.push_back(bench.submit(request));
      const std::vector<Answer> got = bench.finish(tickets);
      EXPECT_EQ(got[1].embedding, want);
      EXPECT_EQ(got[1].finished->usage.prompt_tokens, 100);
      EXPECT_EQ(got[1].finished->usage.completion_tokens, 0);
      EXPECT_EQ(bench.scheduler->statistics().used_pages, 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerAnswers, ::testing::Values("llama", "deepseek_v3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(SchedulerText, StopsAndTextAreThoseOfTheTokens) {
  const auto model = testing::tiny_model("llama");
  Bench bench(model);
  GenerateRequest request = request_of(random_tokens(20, 3), 60, 4);
  request.ignore_end = true;
  Answer whole = bench.run(request);
  EXPECT_EQ(whole.choices[0].text, bench.tokenizer().decode(whole.tokens()));
  // What the tokens 20 to 22 spell, or the first text that does so before.
  const std::string stop = bench.tokenizer().decode(std::span(whole.tokens()).subspan(20, 3));
  request.stop = {stop};
  Answer cut = bench.run(request);
  EXPECT_EQ(cut.choices[0].end->reason, FinishReason::stop);
  EXPECT_EQ(cut.choices[0].end->stop_string, 0u);
  EXPECT_EQ(cut.choices[0].text, whole.choices[0].text.substr(0, whole.choices[0].text.find(stop)));

  request.stop = {};
  request.stop_tokens = {whole.tokens()[10]};
  Answer ended = bench.run(request);
  EXPECT_EQ(ended.choices[0].end->end_token, whole.tokens()[10]);
  EXPECT_LE(ended.tokens().size(), 10u);
}

class OnlyEven : public TokenConstraint {
 public:
  void fill_mask(std::span<uint64_t> mask, int64_t /*remaining*/) override {
    std::fill(mask.begin(), mask.end(), 0x5555555555555555u);
  }
  void accept(int32_t token) override { good &= token % 2 == 0; }
  bool finished() const override { return false; }
  bool good = true;
};

class NothingAfterTwo : public OnlyEven {
 public:
  void fill_mask(std::span<uint64_t> mask, int64_t remaining) override {
    if (remaining > 8)
      OnlyEven::fill_mask(mask, remaining);
    else
      std::fill(mask.begin(), mask.end(), uint64_t{0});
  }
};

TEST(SchedulerText, ConstraintsBindTheirChoiceAlone) {
  const auto model = testing::tiny_model("llama");
  Bench bench(model);
  std::vector<Ticket> tickets;
  for (int i = 0; i < 3; ++i) {
    GenerateRequest request = request_of(random_tokens(20, 3), 10, 4);
    request.ignore_end = true;
    if (i == 1) request.choices[0].constraint = std::make_shared<OnlyEven>();
    if (i == 2) request.choices[0].constraint = std::make_shared<NothingAfterTwo>();
    tickets.push_back(bench.submit(request));
  }
  std::vector<Answer> got = bench.finish(tickets);
  EXPECT_EQ(got[0].tokens(), testing::plain_answer(model, random_tokens(20, 3), testing::seeded(4),
                                                   10, std::nullopt));
  EXPECT_EQ(got[1].tokens().size(), 10u);
  for (const int32_t token : got[1].tokens()) EXPECT_EQ(token % 2, 0);
  EXPECT_EQ(got[2].tokens().size(), 2u);
  EXPECT_EQ(got[2].choices[0].end->reason, FinishReason::error);
  EXPECT_EQ(got[2].finished->error->kind(), ErrorKind::invalid_input);
}

}  // namespace
}  // namespace deepseek
