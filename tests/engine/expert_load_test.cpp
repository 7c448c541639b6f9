// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler/expert_load.h"

#include "tests/engine/scheduler_support.h"

namespace deepseek {
namespace {

using testing::Answer;
using testing::Bench;
using testing::random_tokens;
using testing::request_of;
using testing::Tokens;

struct Reported : SchedulerObserver {
  void expert_load(int64_t layer, double violation) override { loads[layer].push_back(violation); }
  std::map<int64_t, std::vector<double>> loads;
};

/// Every choice of a router, counted apart from what is under test.
struct Choices : Probe {
  void embedded(const Tensor&) override {}
  void attended(int64_t, const Tensor&) override {}
  void layer_done(int64_t, const Tensor&) override {}
  void routed(int64_t layer, const Tensor&, const Tensor&, const Routing& routing) override {
    for (const int32_t expert : routing.indices) ++of_layer[layer][expert];
  }
  double violation(int64_t layer, int64_t experts) {
    double most = 0, all = 0;
    for (const auto& [expert, count] : of_layer[layer]) {
      most = std::max(most, double(count));
      all += double(count);
    }
    return most * double(experts) / all - 1;
  }
  std::map<int64_t, std::map<int32_t, int64_t>> of_layer;
};

Bench bench_of(const std::shared_ptr<const Transformer>& model,
               const std::shared_ptr<SchedulerObserver>& observer) {
  SchedulerOptions options;
  options.observer = observer;
  options.max_prefill_rows = 1024;  // a prompt is one step
  return Bench(model, 256, options);
}

TEST(MaxViolation, IsTheBusiestOverTheMean) {
  const auto of = [](const std::vector<int64_t>& loads) { return max_violation(loads); };
  EXPECT_EQ(of({5, 5, 5, 5}), 0);
  EXPECT_EQ(of({8, 0, 0, 0}), 3);
  EXPECT_EQ(of({2, 1, 1, 0}), 1);
  EXPECT_EQ(of({0, 0}), 0);
  EXPECT_EQ(of({}), 0);
}

TEST(ExpertLoad, AFullWindowIsToldForEachLayerThatHasExperts) {
  for (const char* family : {"deepseek", "deepseek_v3"}) {
    const auto model = testing::tiny_model(family);
    const int64_t window = ExpertLoad(model->config()).window_tokens();
    EXPECT_EQ(window, (256 * 8 + 2) / 3);
    const auto reported = std::make_shared<Reported>();
    Bench bench = bench_of(model, reported);
    const Tokens prompt = random_tokens(window + 10, 1);
    bench.run(request_of(Tokens(prompt.begin(), prompt.begin() + window / 2), 1));
    EXPECT_TRUE(reported->loads.empty()) << "half a window says nothing";

    Choices choices;
    Engine engine(model, {.cache_bytes = 64 << 20});
    const SequenceId half = engine.add(), whole = engine.add();
    const Tokens first(prompt.begin(), prompt.begin() + window / 2);
    ASSERT_TRUE(engine.step(std::vector<StepSpan>{{half, first}}, &choices, nullptr));
    GenerateRequest rest = request_of(prompt, 1);
    rest.use_cache = false;
    bench.run(rest);
    ASSERT_TRUE(engine.step(std::vector<StepSpan>{{whole, prompt}}, &choices, nullptr));
    ASSERT_EQ(reported->loads.size(), 1U) << "the first layer is dense";
    ASSERT_EQ(reported->loads[1].size(), 1U);
    EXPECT_DOUBLE_EQ(reported->loads[1][0], choices.violation(1, 8));
    EXPECT_GT(reported->loads[1][0], 0);

    bench.run(rest);
    EXPECT_EQ(reported->loads[1].size(), 2U) << "the next window";
  }
}

TEST(ExpertLoad, ChangesNoAnswer) {
  const auto model = testing::tiny_model("deepseek_v3");
  GenerateRequest request = request_of(random_tokens(700, 2), 20, 3);
  request.ignore_end = true;
  request.logprobs = true;
  request.top_logprobs = 5;
  Bench watched = bench_of(model, std::make_shared<Reported>()), alone = bench_of(model, nullptr);
  Answer a = watched.run(request), b = alone.run(request);
  ASSERT_EQ(a.tokens().size(), 20U);
  EXPECT_EQ(a.tokens(), b.tokens());
  for (size_t i = 0; i < 20; ++i)
    EXPECT_EQ(a.choices[0].logprobs[i].chosen.logprob, b.choices[0].logprobs[i].chosen.logprob);
}

TEST(ExpertLoad, AModelWithoutExpertsHasNone) {
  const auto reported = std::make_shared<Reported>();
  Bench bench = bench_of(testing::tiny_model("llama"), reported);
  bench.run(request_of(random_tokens(2000, 1), 1));
  EXPECT_TRUE(reported->loads.empty());
}

}  // namespace
}  // namespace deepseek
